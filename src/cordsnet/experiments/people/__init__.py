"""Experiments with stored answers of people: of people alone, and beside models that see what they saw."""
