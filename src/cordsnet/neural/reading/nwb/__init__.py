"""Files of Neurodata Without Borders."""
