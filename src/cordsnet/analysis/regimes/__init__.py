"""Regimes of networks and flows, and the shape of their attractors."""
