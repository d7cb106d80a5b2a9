"""What networks that evolve in steps share: spec, model, system, and layers bound to a precision."""
