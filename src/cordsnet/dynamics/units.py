"""Selection of units of an area: by index, by mask, or drawn at random."""

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from cordsnet._checks import seeded_generator

Units: TypeAlias = Sequence[int] | Sequence[Sequence[int]] | Tensor | None
"""None for all; whole numbers for channels of a map or units of a vector; (channel, row, column) for single units of a
map; booleans [C] for channels, or booleans with an axis for each of the shape."""


def unit_mask(units: Units, shape: Sequence[int], name: str, device: torch.device | str) -> Tensor | None:
    """Booleans [*shape], True for the units that are meant; None for all.

    Raises TypeError or ValueError, naming `name` and what there is, for units that are not there.
    """
    if units is None:
        return None
    try:
        given = torch.as_tensor(units).cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"units of {name!r} must be whole numbers or booleans, got {units!r:.80}") from error
    if given.dtype == torch.bool:
        if given.ndim == 1 and len(shape) == 3 and len(given) == shape[0]:
            given = given[:, None, None]  # channels, as with whole numbers
        elif given.ndim != len(shape):
            raise ValueError(
                f"units of {name!r} as booleans must have {len(shape)} axes, got shape {list(given.shape)}"
            )
        try:
            return given.expand(*shape).to(device)
        except RuntimeError as error:
            raise ValueError(
                f"units of {name!r} as booleans must broadcast to {list(shape)}, got {list(given.shape)}"
            ) from error
    indexed = given.ndim == 1 or (given.ndim == 2 and given.shape[1] == len(shape))
    if given.is_floating_point() or given.is_complex() or not indexed:
        raise TypeError(
            f"units of {name!r} must be whole numbers below {shape[0]}, or rows of {len(shape)} of them, "
            f"got {units!r:.80}"
        )
    rows = given[:, None] if given.ndim == 1 else given
    limits = torch.tensor(shape, device="cpu")[: rows.shape[1]]
    if len(rows) == 0 or bool(((rows < 0) | (rows >= limits)).any()):
        most = ", ".join(f"0 to {limit - 1}" for limit in limits.tolist())
        raise ValueError(f"units of {name!r} must go from {most}, got {units!r:.80}")
    mask = torch.zeros(*shape, dtype=torch.bool, device="cpu")
    mask[tuple(rows.T)] = True
    return mask.to(device)


def drawn_units(fraction: float, seed: int, shape: Sequence[int]) -> Tensor:
    """Booleans [*shape] with that share of units True, drawn by seed. Raises ValueError unless 0 < fraction <= 1."""
    if not 0 < fraction <= 1:
        raise ValueError(f"fraction must lie above 0 and at most at 1, got {fraction!r}")
    count = torch.Size(shape).numel()
    order = torch.randperm(count, generator=seeded_generator(seed), device="cpu")
    mask = torch.zeros(count, dtype=torch.bool, device="cpu")
    mask[order[: max(1, round(fraction * count))]] = True
    return mask.view(*shape)
