"""Experiments that measure stored answers of people, and of networks of others, without a model."""
