"""Networks that evolve in steps: their common spec, model, system, and layers bound to a precision."""
