"""Activity of models over time in the bins of a recording."""
