"""What a recording looks like: courses in time, reliabilities, rasters, bounded in memory and time."""
