"""Doors to other formats: a module writes one, and reads it where people share data in it."""
