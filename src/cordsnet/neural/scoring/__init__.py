"""Scores of predictions of neurons' responses in time from a model's activity."""
