"""Power iteration from many starts, and Arnoldi's method without restarts: what is usually run, here with residuals."""

import torch

from cordsnet._checks import check_positive
from cordsnet.analysis.exact import exact
from cordsnet.analysis.krylov.front import eigenvalues
from cordsnet.analysis.krylov.results import Eigenpairs, PowerEstimate
from cordsnet.analysis.operators import LinearOperator, check_square
from cordsnet.analysis.status import Status


@exact()
def power_iteration(
    op: LinearOperator, trials: int = 8, steps: int = 200, seed: int = 0, *, tol: float = 1e-6
) -> PowerEstimate:
    """The leading eigenvalue by repeated products, from several random starts at once.

    Parameters
    ----------
    op : a square operator.
    trials : starts; all are one batch.
    steps : products of each, at least 2; one more is spent on the residual.
    seed : of the starts.
    tol : relative residual at which a trial counts as converged. With a complex leading pair none ever does: its
        modulus is then the answer, or `eigenvalues`.

    Raises
    ------
    ValueError : an operator that is not square, or a number that does not fit, by name.
    """
    check_square(op, "op")
    check_positive(tol, "tol")
    for name, count, least in (("trials", trials, 1), ("steps", steps, 2)):
        if count < least:
            raise ValueError(f"{name} must be at least {least}, got {count}")
    vectors = op.random(torch.Generator().manual_seed(seed), count=trials).flatten(1)
    vectors /= torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    growth = vectors.new_zeros(trials, dtype=torch.float64)
    late = steps - steps // 2
    for step in range(steps):
        images = op.apply(vectors.view(-1, *op.domain)).flatten(1)
        sizes = torch.linalg.vector_norm(images, dim=1)
        if step >= late:
            growth += sizes.double().log()
        # a start that the operator has sent to zero stays there
        vectors = torch.where(sizes[:, None] > 0, images / sizes[:, None], images)
    images = op.apply(vectors.view(-1, *op.domain)).flatten(1)
    values = (vectors * images).sum(1).double().cpu()
    away = torch.linalg.vector_norm(images - values.to(images)[:, None] * vectors, dim=1).double().cpu()
    residuals = torch.where(values != 0, away / values.abs(), away)
    finite = torch.isfinite(residuals).tolist()
    status = tuple(
        Status.CONVERGED if one <= tol else Status.STALLED if whole else Status.NOT_FINITE
        for one, whole in zip(residuals.tolist(), finite, strict=True)
    )
    return PowerEstimate(values, (growth / (steps - late)).exp().cpu(), residuals, status, (steps + 1) * trials)


def arnoldi(op: LinearOperator, steps: int = 100, seed: int = 0, *, k: int = 8, tol: float = 1e-6) -> Eigenpairs:
    """The k largest Ritz values after `steps` steps of Arnoldi's method (Arnoldi 1951), with their residuals.

    As `eigenvalues(op, k, method="arnoldi", basis=steps)`; steps + 1 vectors are held.
    """
    return eigenvalues(op, k, basis=steps, seed=seed, tol=tol, method="arnoldi")
