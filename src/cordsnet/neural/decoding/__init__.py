"""Decoding of conditions from recordings and from the activity of models, bin by bin."""
