"""Dynamical systems behind one interface: fixed points, branches, Lyapunov exponents."""
