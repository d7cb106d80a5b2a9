"""Content of a recording, and signs of errors in it."""
