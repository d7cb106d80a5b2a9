"""Models as Brain-Score calls them."""
