"""Comparisons of scores: paired tests, tests over time, and corrections for their number."""
