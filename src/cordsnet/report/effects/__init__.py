"""Figures of the effects that a model of the ventral stream is asked for."""
