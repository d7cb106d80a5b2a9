"""Variance that a leaky integrator leaves of noise that is redrawn at every step."""

import math


def leaky_noise_share(dt: float, tau: float, steps: int | None = None) -> float:
    """Share of the input's noise variance that remains after discrete leaky averaging.

    The average follows ``r(t+1) = (1 - a) r(t) + a x(t)`` with ``a = dt / tau``, from rest. For independent noise
    of variance 1 in ``x``, the variance of ``r`` after ``n`` steps is ``a / (2 - a) * (1 - (1 - a)^(2 n))``: the sum
    of the geometric series of squared weights.

    Parameters
    ----------
    dt, tau : step and time constant in ms; ``0 < dt < 2 tau``, the range in which the average is stable.
    steps : number of steps since rest; None gives the limit of many steps.

    Raises
    ------
    ValueError : if ``dt``, ``tau`` or ``steps`` is out of range.
    """
    if not (math.isfinite(tau) and tau > 0):
        raise ValueError(f"tau must be a positive time in ms, but {tau} came.")
    if not 0 < dt < 2 * tau:
        raise ValueError(f"dt must lie between 0 and 2 tau = {2 * tau} ms, but {dt} came.")
    if steps is not None and steps < 0:
        raise ValueError(f"steps must be 0 or more, but {steps} came.")
    a = dt / tau
    limit = a / (2 - a)
    return limit if steps is None else limit * (1 - (1 - a) ** (2 * steps))
