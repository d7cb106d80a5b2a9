"""Speed and memory of the package compared with a plain implementation of the same algorithm."""
