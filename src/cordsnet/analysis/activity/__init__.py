"""Dimension, components and similarity of recorded activity."""
