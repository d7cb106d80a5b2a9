"""Convolutions solved exactly or bounded for certain, a small problem per spatial frequency."""
