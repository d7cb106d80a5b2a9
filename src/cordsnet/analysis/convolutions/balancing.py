"""Weights of channels under which a convolution is as small as can be: a convex problem in their logarithms.

Both the norm of e^v K e^-v and the largest eigenvalue of its symmetric part are quasi-convex in v (Sezginer & Overton
1990; Boyd et al. 1994, section 2.3), so that there are no wrong valleys; whatever comes out is only a choice of
weights, which `bounds` evaluates for certain.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from cordsnet.analysis.convolutions.bounds import frequencies, over_grid, prepared, signed_sums
from cordsnet.analysis.convolutions.symbols import half_grid, symbol

COARSE = 12
"""Frequencies per axis at most while weights are sought."""

ACTIVE = 32
"""Frequencies at most that are looked at: those at which the start is largest."""

SHARPNESS = (20.0, 100.0)
"""Of the smooth maxima that stand for the maximum, one after the other."""


@torch.no_grad()
def perron_weights(kernel: Tensor, size: Sequence[int] | None = None, iterations: int = 60) -> Tensor:
    """The Perron vector of M of `perron_bound`, [C]: its best weights.

    Weights w of a kernel turn a vector x into x w; in the norm max |x| / p these are 1 / p, p being the Perron vector.
    """
    return 1 / _perron(signed_sums(prepared(kernel, size, None)), iterations)


@torch.no_grad()
def mean_weights(kernel: Tensor, size: Sequence[int] | None = None, iterations: int = 60) -> Tensor:
    """sqrt(left / right Perron vector) of the sums of |K| over taps [C]: under it that matrix's norm is its radius."""
    matrix = prepared(kernel, size, None).abs().sum((2, 3))
    return (_perron(matrix.T, iterations) / _perron(matrix, iterations)).sqrt()


def best_weights(
    kernel: Tensor, size: Sequence[int] | None, criterion: str, start: Tensor | None = None, steps: int = 25
) -> Tensor:
    """Weights [C] that make `norm_bound` ("norm") or `hermitian_bound` ("hermitian") small, by L-BFGS on a coarse grid.

    Parameters
    ----------
    start : weights from which to start; None are ones.
    steps : iterations of L-BFGS at each of two sharpnesses; each takes about one eigendecomposition per frequency.
    """
    plain = prepared(kernel, size, None).cpu()
    where = frequencies(plain, size, max(COARSE, 2 * max(plain.shape[2:])))
    logs = torch.zeros(len(plain), dtype=torch.float64) if start is None else start.cpu().log()
    started = over_grid(prepared(kernel, size, start), where.grid, criterion)
    active = started.topk(min(ACTIVE, len(started))).indices
    symbols = symbol(plain, *half_grid(where.grid, torch.float64)).flatten(0, 1)[active]
    logs = logs.clone().requires_grad_()
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
    """A smooth maximum, over frequencies, of the squared singular values or the eigenvalues of the Hermitian part."""
    scaled = symbols * (logs[:, None] - logs).exp()
    matrices = scaled.mH @ scaled if criterion == "norm" else (scaled + scaled.mH) / 2
    return torch.logsumexp(sharpness * torch.linalg.eigvalsh(matrices).flatten(), 0) / sharpness


def _perron(matrix: Tensor, iterations: int) -> Tensor:
    """Of a matrix that is nonnegative off its diagonal.

    A little of everything is added, so that the vector is above zero, and much of the identity, so that cycles decay.
    """
    size = float(matrix.abs().sum(1).mean()) or 1.0
    shift = size - min(0.0, float(matrix.diagonal().min()))
    matrix = matrix + shift * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device) + 1e-6 * size
    vector = torch.ones_like(matrix[0])
    for _ in range(iterations):
        vector = torch.mv(matrix, vector)
        vector /= vector.sum()
    return vector
