"""Channel weights under which a bound on a convolution is small: a quasi-convex problem in their logarithms.

Both the norm of e^v K e^-v and the largest eigenvalue of its symmetric part are quasi-convex in v (Sezginer & Overton
1990; Boyd et al. 1994, section 2.3), so there are no other local minima. The weights found here need not be optimal:
`bounds` evaluates a rigorous bound for any weights.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from cordsnet.analysis.convolutions.bounds import balanced_kernel, frequency_grid, largest_per_frequency, signed_sums
from cordsnet.analysis.convolutions.symbols import half_grid, symbol

COARSE = 12
"""Largest number of frequencies per axis in the search for weights."""

ACTIVE = 32
"""Largest number of frequencies in the search: those at which the start weights give the largest values."""

SHARPNESS = (20.0, 100.0)
"""Sharpness of the smooth maxima that replace the maximum, one after the other."""


@torch.no_grad()
def perron_weights(kernel: Tensor, size: Sequence[int] | None = None, iterations: int = 60) -> Tensor:
    """The best weights [C] for `perron_bound`: 1 / p, with p the Perron vector of its matrix M.

    Weights w scale a vector x to x w; the norm max |x| / p is the one for which the bound is smallest.
    """
    return 1 / _perron(signed_sums(balanced_kernel(kernel, size, None)), iterations)


@torch.no_grad()
def mean_weights(kernel: Tensor, size: Sequence[int] | None = None, iterations: int = 60) -> Tensor:
    """sqrt(left / right Perron vector) of the sums of |K| over taps, [C].

    Under these weights the norm of that matrix equals its spectral radius (Stoer & Witzgall 1962, Numer. Math. 4:158).
    """
    matrix = balanced_kernel(kernel, size, None).abs().sum((2, 3))
    return (_perron(matrix.T, iterations) / _perron(matrix, iterations)).sqrt()


def best_weights(
    kernel: Tensor, size: Sequence[int] | None, criterion: str, start: Tensor | None = None, steps: int = 25
) -> Tensor:
    """Weights [C] that make `norm_bound` ("norm") or `hermitian_bound` ("hermitian") small, by L-BFGS on a coarse grid.

    Parameters
    ----------
    kernel, size : as for `norm_bound`.
    criterion : "norm" or "hermitian".
    start : initial weights; None is ones.
    steps : iterations of L-BFGS at each of two sharpnesses; each takes about one eigendecomposition per frequency.
    """
    plain = balanced_kernel(kernel, size, None).cpu()
    where = frequency_grid(plain, size, max(COARSE, 2 * max(plain.shape[2:])))
    logs = torch.zeros(len(plain), dtype=torch.float64) if start is None else start.cpu().log()
    started = largest_per_frequency(balanced_kernel(kernel, size, start), where.grid, criterion)
    active = started.topk(min(ACTIVE, len(started))).indices
    symbols = symbol(plain, *half_grid(where.grid, torch.float64)).flatten(0, 1)[active]
    logs = logs.clone().requires_grad_()
    # In units of the norm, so that the sharpness means the same for every kernel
    unit = float(torch.linalg.matrix_norm(symbols, 2).max()) or 1.0
    for sharpness in SHARPNESS:
        optimiser = torch.optim.LBFGS([logs], max_iter=steps, line_search_fn="strong_wolfe")

        def closure(sharpness: float = sharpness, optimiser: torch.optim.LBFGS = optimiser) -> Tensor:
            optimiser.zero_grad()
            value = _largest(symbols / unit, logs, criterion, sharpness)
            value.backward()  # type: ignore[no-untyped-call]
            return value

        with torch.enable_grad():
            optimiser.step(closure)  # type: ignore[no-untyped-call]
    found = (logs - logs.mean()).detach().exp()
    return (found if bool(torch.isfinite(found).all()) else torch.ones_like(found)).to(kernel.device)


def _largest(symbols: Tensor, logs: Tensor, criterion: str, sharpness: float) -> Tensor:
    """Smooth maximum over frequencies of the squared singular values, or eigenvalues of the Hermitian part."""
    scaled = symbols * (logs[:, None] - logs).exp()
    matrices = scaled.mH @ scaled if criterion == "norm" else (scaled + scaled.mH) / 2
    # A maximum of eigenvalues has kinks, at which L-BFGS stalls; log-sum-exp is smooth
    return torch.logsumexp(sharpness * torch.linalg.eigvalsh(matrices).flatten(), 0) / sharpness


def _perron(matrix: Tensor, iterations: int) -> Tensor:
    """Perron vector of a matrix that is non-negative off its diagonal, by power iteration."""
    size = float(matrix.abs().sum(1).mean()) or 1.0
    shift = size - min(0.0, float(matrix.diagonal().min()))
    # 1e-6 everywhere makes the matrix irreducible, so that the vector is positive; the multiple of the identity makes
    # it non-negative and primitive, so that power iteration converges also on cycles.
    matrix = matrix + shift * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device) + 1e-6 * size
    vector = torch.ones_like(matrix[0])
    for _ in range(iterations):
        vector = torch.mv(matrix, vector)
        vector /= vector.sum()
    return vector
