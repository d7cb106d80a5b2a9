"""Which regime a network or a flow is in, and the shape of its attractors."""
