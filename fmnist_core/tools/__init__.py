"""What people run: the command line and what it shows. The core never imports this package."""
