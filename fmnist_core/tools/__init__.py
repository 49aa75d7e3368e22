"""The command line and its output. The core never imports this package."""
