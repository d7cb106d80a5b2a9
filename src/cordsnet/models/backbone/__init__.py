"""Networks with a dynamic head on a feedforward network: their common spec, model and system."""
