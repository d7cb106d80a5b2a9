"""How well activity of a model predicts recordings of neurons in time."""
