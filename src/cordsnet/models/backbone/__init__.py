"""What networks share that put a dynamic head on a feedforward network: spec, model and system."""
