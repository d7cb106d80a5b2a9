"""How an iterative answer ended; the text says what to do about it."""

from enum import Enum


class Status(Enum):
    """Of each value that an iteration was asked for."""

    CONVERGED = "converged"
    STALLED = "stalled: the residual is above tol after max_products; raise max_products, basis or tol"
    EXHAUSTED = (
        "exhausted: the space that the start reaches is used up; start elsewhere (seed) for what lies outside it"
    )
    NOT_FINITE = (
        "not finite: a product held values that are not finite; check the operator, its state and its precision"
    )
    ITERATIONS = "stalled: the residual is above tol after max_iterations; raise max_iterations or tol"
    STUCK = "stuck: no step lowers the speed, which is at a local minimum; start elsewhere, or ask for slow_points"
    SLOW = "slow: speed is least here, yet above tol; a slow point, not a fixed point"
    DIVERGED = "diverged: the state stopped being finite; lower dt, or start where the flow stays bounded"
    UNSETTLED = "unsettled: the estimate is less certain than tol asks; raise duration_ms or tol"
