"""Overview of a recording: courses in time, reliabilities, rasters, bounded in memory and time."""
