"""Other formats: each module writes one, and reads it if people share data in it."""
