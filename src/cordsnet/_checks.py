"""Checks of arguments. Every error is one sentence: the argument, what was given, and what would be accepted."""

import math
from collections.abc import Sequence
from numbers import Integral, Real

import torch
from torch import Tensor


def is_number(value: object) -> bool:
    """True if `value` is a real number, of Python or of NumPy."""
    return isinstance(value, Real)


def check_positive(value: float, name: str) -> None:
    """Raise ValueError unless `value` is a finite number above zero."""
    if not (is_number(value) and math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be a finite number above 0, got {value!r}")


def check_count(value: object, name: str, most: int) -> None:
    """Raise ValueError unless `value` is a whole number from 1 to `most`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not 1 <= value <= most:
        raise ValueError(f"{name} must be a whole number of at least 1 and at most {most:,}, got {value!r}")


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
