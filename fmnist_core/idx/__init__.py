"""The IDX format: its header, its containers, and how to parse, read, map and write it."""
