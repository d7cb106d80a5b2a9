"""Growth before decay: numerical abscissa, transients, pseudospectra, the Kreiss constant."""
