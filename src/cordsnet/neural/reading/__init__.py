"""Files of recordings, one module or folder for each form, the table of forms, and parts that they share."""
