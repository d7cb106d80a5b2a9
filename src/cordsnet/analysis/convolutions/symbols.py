"""The symbol of a convolution: the matrix that multiplies the channels of a plane wave, at any frequency.

kernel * (v exp(2 pi i f.p)) = (S(f) v) exp(2 pi i f.p), with S(f) = sum over taps t of K[:, :, t] exp(2 pi i f.t), t
counted from the centre of the kernel. On the infinite grid, and on periodic maps, these small matrices are the whole
convolution.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor


def symbol(kernel: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """S(f) at every pair of a row and a column frequency (cycles per unit): complex [rows, columns, out, in]."""
    outputs, inputs, height, width = kernel.shape
    waves = torch.einsum("ha,wb->hwab", _waves(rows, height), _waves(columns, width))
    flat = kernel.permute(2, 3, 0, 1).reshape(height * width, outputs * inputs).to(waves.dtype)
    return (waves.reshape(-1, height * width) @ flat).view(len(rows), len(columns), outputs, inputs)


def _waves(frequencies: Tensor, taps: int) -> Tensor:
    """exp(2 pi i f t) for the taps t of one axis of a kernel, counted from its centre: [frequencies, taps]."""
    steps = torch.arange(taps, dtype=frequencies.dtype, device=frequencies.device) - taps // 2
    turns = 2 * torch.pi * frequencies[:, None] * steps
    return torch.polar(torch.ones_like(turns), turns)


def half_grid(size: Sequence[int], dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Row and column frequencies of periodic maps (H, W), without those whose symbols are conjugates of others."""
    return torch.fft.fftfreq(size[0], dtype=dtype), torch.fft.rfftfreq(size[1], dtype=dtype)


def whole_grid(half: Tensor, width: int) -> Tensor:
    """Values at all W column frequencies [H, W, ...] from those at half of them: S(-f) is conj S(f)."""
    mirrored = torch.arange(width // 2 + 1, width)
    rest = half[(-torch.arange(len(half))) % len(half)][:, width - mirrored].conj()
    return torch.cat([half, rest.resolve_conj()], 1)


def in_threads(solve: Callable[[Tensor], Tensor], matrices: Tensor) -> Tensor:
    """Apply `solve` to a batch of small matrices [N, ...], one thread per part of it.

    LAPACK's own threads do not speed up matrices this small and wait for one another: on two busy cores they took eight
    times as long as one. So each call runs on one thread, and torch's number of threads is how many calls run at once.
    """
    workers = torch.get_num_threads()
    if workers == 1:
        return solve(matrices)
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(workers) as pool:
            return torch.cat(list(pool.map(solve, matrices.tensor_split(min(len(matrices), 4 * workers)))))
    finally:
        torch.set_num_threads(workers)
