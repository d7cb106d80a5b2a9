"""Time constants, frequencies and maps of modes."""
