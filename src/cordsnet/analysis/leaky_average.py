"""Variance that a leaky integrator leaves of noise that is redrawn from frame to frame."""

import math

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count


@check_arguments
def leaky_noise_share(dt: float, tau: float, steps: int | None = None, hold: int = 1) -> float:
    """Variance of leakily averaged noise that is redrawn at every frame, over that of noise that is held throughout.

    The average follows r(t+1) = (1 - a) r(t) + a x(t) with a = dt / tau, the Euler step of tau dr/dt = -r + x, from
    rest. A draw that stays for `hold` steps has the weight of a step of a_eff = 1 - (1 - a)^hold; the variance of r is
    the sum of the squared weights of all draws. A draw that is held from the start has the sum of the weights, which
    also is what a constant image has reached. So the share says by how much averaging improves the ratio of noise to
    signal: 1 after the first frame, and a_eff / (2 - a_eff) after many.

    Parameters
    ----------
    dt, tau : step and time constant in ms; 0 < dt < 2 tau, the range in which the average is stable.
    steps : number of steps since rest; None is the limit of many frames. The last frame may be cut short.
    hold : number of steps for which each draw stays.

    Returns
    -------
    Share of the variance, above 0 and at most 1 for dt up to tau. Noise of standard deviation sigma that is redrawn
    acts as held noise of standard deviation sigma times the root of it.

    Raises
    ------
    ValueError : if `dt`, `tau`, `steps` or `hold` is out of range.
    """
    if not (math.isfinite(tau) and tau > 0):
        raise ValueError(f"tau must be a finite time above 0 ms, got {tau}")
    if not 0 < dt < 2 * tau:
        raise ValueError(f"dt must lie between 0 and 2 tau = {2 * tau:g} ms, got {dt}")
    keeps = 1 - dt / tau
    frame = keeps ** check_count(hold, "hold", 1)
    if steps is None:
        return (1 - frame) / (1 + frame)
    whole, rest = divmod(check_count(steps, "steps", 1), hold)
    last = keeps**rest
    squares = (1 - last) ** 2 + (last * (1 - frame)) ** 2 * (1 - frame ** (2 * whole)) / (1 - frame**2)
    return squares / (1 - keeps**steps) ** 2
