"""Files of recordings, one module for each form, and the table of forms."""
