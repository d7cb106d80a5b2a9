"""Exact spectra of and rigorous bounds on convolutions, a small problem per spatial frequency."""
