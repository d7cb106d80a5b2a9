"""Effects that a model of the ventral stream is asked for: adaptation, summation, ambiguity, latency and others."""
