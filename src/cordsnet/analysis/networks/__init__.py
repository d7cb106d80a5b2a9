"""What is asked of a network: Jacobians, spectra, the settled response to an image, a certificate."""
