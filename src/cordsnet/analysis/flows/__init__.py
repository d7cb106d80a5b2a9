"""Dynamical systems with one interface: fixed points, branches, Lyapunov exponents."""
