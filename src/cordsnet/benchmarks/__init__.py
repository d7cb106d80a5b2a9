"""Measurements of speed and memory beside a plain implementation of the reference algorithm."""
