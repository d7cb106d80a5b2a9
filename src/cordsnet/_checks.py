"""Checks of arguments. Every error is one sentence: the argument, what was given, and what would be accepted."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from types import UnionType
from typing import TypeGuard

import numpy as np
import torch
from torch import Tensor

MAX_AXES = 25
"""Axes that a tensor can have for every operation of torch."""

LARGEST = 2**1023
"""Whole numbers up to here can be converted to floating point."""


def is_number(value: object) -> bool:
    """True if `value` is a real number, of Python or of NumPy, that a float can hold; True and False are no numbers."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    return not isinstance(value, Integral) or abs(int(value)) < LARGEST


def is_whole(value: object) -> TypeGuard[int]:
    """True if `value` is a whole number, of Python or of NumPy, and no truth value."""
    return not isinstance(value, bool) and isinstance(value, Integral)


def check_positive(value: float, name: str) -> None:
    """Raise ValueError unless `value` is a finite number above zero."""
    if not (is_number(value) and math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a finite number above 0, got {value!r}")


def is_int(value: object, least: int) -> bool:
    """True if `value` is a whole number of Python, which can be written to JSON, of at least `least`."""
    return isinstance(value, int) and is_whole(value) and value >= least


def check_count(value: object, name: str, least: int = 1, most: int | None = None, why: str = "") -> int:
    """Return `value` as a whole number from `least` to `most`; `why` says what the bound is for.

    Raises ValueError unless it is one, of Python or of NumPy.
    """
    if not is_whole(value):
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
    reason = f"; {why}" if why else ""
    if value < least:
        raise ValueError(f"{name} must be at least {least}, got {value}{reason}")
    if most is not None and value > most:
        raise ValueError(f"{name} must be at most {most:,}, got {value}{reason}")
    return int(value)


def seeded_generator(seed: object, device: torch.device | str = "cpu", name: str = "seed") -> torch.Generator:
    """Return a generator of random numbers that starts from `seed`.

    Raises ValueError unless `seed` is a whole number of 64 bits.
    """
    if not (is_whole(seed) and -(2**63) <= seed < 2**64):
        raise ValueError(f"{name} must be a whole number of 64 bits, such as 0, got {seed!r:.100}")
    return torch.Generator(device).manual_seed(int(seed))


def check_type(value: object, kind: type | tuple[type, ...] | UnionType, name: str, would_do: str) -> None:
    """Raise TypeError unless `value` is of that kind; `would_do` says what to give instead."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {would_do}, got {type(value).__name__}")


def check_shape(value: object, name: str, axes: int | None = None) -> tuple[int, ...]:
    """Return a shape as whole numbers of Python.

    Raises ValueError unless `value` holds whole numbers above 0, as many as `axes` if that is given.
    """
    given = value.tolist() if isinstance(value, Tensor | np.ndarray) else value
    sides = list(given) if isinstance(given, Sequence) and not isinstance(given, bytes) else []
    if not sides or len(sides) > MAX_AXES or len(sides) != (axes or len(sides)) or not all(map(_is_side, sides)):
        due = "the shape of a state, of at least one element" if axes is None else f"{axes} whole numbers above 0"
        raise ValueError(f"{name} must be {due}, got {value!r:.100}")
    return tuple(int(n) for n in sides)


def _is_side(value: object) -> bool:
    return is_whole(value) and value > 0


def check_few(value: object, name: str, most: int, of: str = "numbers") -> None:
    """Raise ValueError if `value` is an array or tensor of more than `most` numbers; `of` says what they are."""
    if isinstance(value, Tensor | np.ndarray) and (count := math.prod(value.shape)) > most:
        raise ValueError(f"{name} must be at most {most:,} {of}, got {count:,} (shape {list(value.shape)})")


def check_at_least(value: float, name: str, least: float) -> None:
    """Raise ValueError unless `value` is a finite number of at least `least`."""
    if not (is_number(value) and math.isfinite(value) and value >= least):
        raise ValueError(f"{name} must be a finite number of at least {least:g}, got {value!r:.60}")


def check_tolerance(value: float, name: str = "tol") -> None:
    """Raise ValueError unless `value` is above 0 and below 1, as a relative residual must be to mean something."""
    check_positive(value, name)
    if value >= 1:
        raise ValueError(f"{name} must be below 1, since it is a relative residual, got {value!r}")


def check_device(name: str) -> str:
    """Return `name` if it is "cpu", or "cuda" and torch finds a GPU. Raises ValueError otherwise."""
    if name not in ("cpu", "cuda") or (name == "cuda" and not torch.cuda.is_available()):
        raise ValueError(f"device must be 'cpu', or 'cuda' where torch finds a GPU, got {name!r}")
    return name


def check_images(
    images: Tensor,
    name: str = "images",
    *,
    channels: int | None = None,
    size: Sequence[int] | None = None,
    dtype: torch.dtype | None = None,
) -> None:
    """Check that `images` is a finite, non-empty float tensor [B, C, H, W].

    Parameters
    ----------
    images : the tensor to check.
    name : name of the argument in error messages.
    channels, size, dtype : required number of channels, (height, width) in px, and dtype; None accepts any.

    Raises
    ------
    TypeError : not a tensor, not floating point, or of another dtype.
    ValueError : of another shape, empty, or with values that are not finite.
    """
    if not isinstance(images, Tensor):
        raise TypeError(f"{name} must be a torch tensor [B, C, H, W], got {type(images).__name__}")
    if not images.is_floating_point():
        raise TypeError(
            f"{name} must be floating point, got {images.dtype}; scale to 0-1, normalise and call .float() first"
        )
    if dtype is not None and images.dtype != dtype:
        raise TypeError(
            f"{name} must be {dtype} like the model's weights, got {images.dtype}; convert with .to({dtype})"
        )
    if images.ndim != 4:
        raise ValueError(f"{name} must have the four axes [B, C, H, W], got shape {list(images.shape)}")
    if images.shape[0] == 0:
        raise ValueError(f"{name} is an empty batch, shape {list(images.shape)}; give at least one image")
    if channels is not None and images.shape[1] != channels:
        raise ValueError(f"{name} must have {channels} channel(s), got {images.shape[1]} (shape {list(images.shape)})")
    if size is not None and tuple(images.shape[2:]) != tuple(size):
        raise ValueError(
            f"{name} must be {size[0]} x {size[1]} px, got {images.shape[2]} x {images.shape[3]}; "
            "resize them or create the model with that image_size"
        )
    if not bool(torch.isfinite(images).all()):
        raise ValueError(f"{name} holds NaN or infinite values; clean or mask them first")
