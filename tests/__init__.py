"""The tests: a package, so that shared modules have one name wherever they are imported."""
