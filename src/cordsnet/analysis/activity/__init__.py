"""The geometry of recorded activity: dimensions, components, similarity."""
