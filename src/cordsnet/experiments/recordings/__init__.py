"""Experiments in which models meet recordings of neurons."""
