"""Code that tests share, and programs that they run in separate processes."""
