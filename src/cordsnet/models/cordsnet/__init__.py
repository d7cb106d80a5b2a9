"""CordsNet and its feedforward twin: specs, wiring, circuit, and the exact fold of batch norms."""
