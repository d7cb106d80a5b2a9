"""Straightening of movies: curvature of neural trajectories beside that of the pixels."""
