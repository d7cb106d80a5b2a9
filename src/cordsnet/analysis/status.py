"""Status of iterative computations: how they ended, and what to do about it."""

from enum import Enum


class Status(Enum):
    """Status of one value that an iteration computes."""

    CONVERGED = "converged"
    STALLED = "stalled: the residual is above tol after max_products; raise max_products, basis or tol"
    UNCHECKED = (
        "unchecked: the residual is below tol, but max_products ended the search for copies and other values that may "
        "come before this one; raise max_products"
    )
    EXHAUSTED = "exhausted: the start vector spans an invariant subspace; use another seed to find what lies outside it"
    NOT_FINITE = (
        "not finite: a product held values that are not finite; check the operator, its state and its precision"
    )
    ITERATIONS = "stalled: the residual is above tol after max_iterations; raise max_iterations or tol"
    STUCK = "stuck: no step lowers the speed, which is at a local minimum; start elsewhere, or use slow_points"
    SLOW = "slow: the speed has a minimum here that is above tol; a slow point, not a fixed point"
    DIVERGED = "diverged: the state stopped being finite; lower dt, or start where the flow stays bounded"
    UNSETTLED = "unsettled: the standard error is above tol; raise duration_ms or tol"
    POINTS = "stalled: the completeness error is above tol at max_points; raise max_points or tol"
