"""One HTML file that shows every example of a dataset, without a network."""
