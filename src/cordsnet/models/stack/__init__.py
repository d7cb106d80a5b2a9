"""Stacks of recurrent areas: their common sizes, stem, order of a step, and readout of the top."""
