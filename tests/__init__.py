"""The tests, a package, so that what they share has one name wherever it is imported."""
