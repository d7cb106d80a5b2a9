"""Eigenvalues and eigenvectors in the field's words: decay times, frequencies, maps."""
