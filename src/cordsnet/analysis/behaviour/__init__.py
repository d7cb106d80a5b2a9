"""Curves of behaviour: how accuracy and reaction time change with the strength of a stimulus."""
