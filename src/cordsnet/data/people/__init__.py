"""Answers of people that others have measured and published: readers of files that the package does not hold."""
