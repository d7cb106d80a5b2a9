"""Experiments in which networks learn cognitive tasks."""
