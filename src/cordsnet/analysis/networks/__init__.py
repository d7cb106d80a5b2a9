"""Jacobians and spectra of networks, the settled response to an image, and certificates."""
