"""Values that replace a good argument: of another type, rank, size or precision, or not finite."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet.neural import Recording


def with_value(good: Tensor, value: float) -> Tensor:
    """Return a copy whose first number is `value`."""
    copy = good.clone()
    copy.view(-1)[:1] = value
    return copy


def bad_tensors(good: Tensor) -> Iterator[tuple[str, Any]]:
    """Yield tensors that differ from a good one in one respect."""
    if good.is_floating_point() and good.numel():
        for value in (math.nan, math.inf, -math.inf, 1e38):
            yield f"with {value:g}", with_value(good, value)
    yield "empty", good[:0] if good.ndim else good.new_zeros(0)
    yield "one more axis", good[None]
    yield "one axis less", good[0] if good.ndim and len(good) else good.new_zeros(())
    yield "zeros", torch.zeros_like(good)
    for dtype in (torch.int64, torch.uint8, torch.complex64, torch.bool, torch.float16, torch.float32):
        yield str(dtype), good.to(dtype)
    yield "numpy", good.numpy()
    yield "object array", good.numpy().astype(object)
    yield "list", good.tolist()
    yield "transposed", good.T if good.ndim == 2 else good.transpose(0, -1) if good.ndim else good
    yield "negative", -good if good.is_floating_point() else good - 5


def bad_arrays(good: NDArray[Any]) -> Iterator[tuple[str, Any]]:
    """Yield arrays that differ from a good one in one respect."""
    if good.dtype.kind not in "iuf":
        yield "empty", good[:0]
        yield "one more axis", good[None]
        yield "one axis less", good[0] if good.ndim and len(good) else good
        yield "shorter", good[:-1]
        yield "all the same", np.broadcast_to(good.ravel()[:1].reshape((1,) * good.ndim), good.shape)
        return
    for label, value in bad_tensors(torch.from_numpy(good)):
        yield label, value.numpy() if isinstance(value, Tensor) else value
    yield "one row", good[:1]
    yield "shorter", good[:-1]
    yield "all NaN", np.full(good.shape, math.nan)
    yield "all the same", np.full(good.shape, 1.5)
    yield "complex", good.astype(complex)
    yield "texts", good.astype(str)
    yield "dates", np.zeros(good.shape, "datetime64[ms]")


def bad_recordings(good: Recording) -> Iterator[tuple[str, Recording]]:
    """Yield recordings that are legal and with which some analyses can do little."""
    values = good.responses

    def changed(responses: NDArray[Any]) -> Recording:
        return dataclasses.replace(good, responses=np.ascontiguousarray(responses))

    yield "of one image", good.select(images=np.array([0]))
    yield "of two images", good.select(images=np.array([0, 1]))
    yield "of one neuron", good.select(neurons=np.array([0]))
    yield "of one bin", good.select(window_ms=(good.bins_ms[0, 0], good.bins_ms[0, 1]))
    yield "of one repeat", changed(values[:, :1])
    yield "without a spike", changed(np.zeros_like(values))
    yield "that does not vary", changed(np.full_like(values, 2))
    yield "of one image in every repeat", changed(np.broadcast_to(values[:1], values.shape))
    yield "of the same repeats", changed(np.broadcast_to(values[:, :1], values.shape))
    for label, place in (
        ("an image", np.s_[0]),
        ("a repeat", np.s_[:, 0]),
        ("a neuron", np.s_[..., 0]),
        ("a bin", np.s_[:, :, 0]),
        ("a response", np.s_[0, 0, 0, 0]),
        ("all but one repeat of an image and neuron", np.s_[0, 1:, :, 0]),
    ):
        lacking = values.copy()
        lacking[place] = math.nan
        yield f"without {label}", changed(lacking)
    for value in (1e-30, 1e30):
        yield f"times {value:g}", changed(values * np.asarray(value, values.dtype))
    yield "of another unit", dataclasses.replace(good, unit="other")
    yield "without labels", dataclasses.replace(good, image_labels={}, neuron_labels={})


GENERAL: dict[str, Callable[[], Any]] = {
    **{
        repr(v)[:30]: (lambda v=v: v)
        for v in (None, True, "abc", "", "1", math.nan, math.inf, -math.inf, -1, 0, -1.5, 2.5)
    },
    **{repr(v)[:30]: (lambda v=v: v) for v in (10**9, 10**18, 10**400, 1e300, 1e-300, 1j, (), [], {}, b"abc", ["abc"])},
    **{
        repr(v)[:30]: (lambda v=v: v) for v in ([math.nan], (-1, -1), (0, 0), (1, 2, 3, 4, 5, 6, 7), [None], {"abc": 1})
    },
    "NumPy integer": lambda: np.int64(1),
    "NumPy NaN": lambda: np.float32(math.nan),
    "object array": lambda: np.array(["a", None], object),
    "object": object,
    "function": lambda: lambda *given: given,
    "class": lambda: dict,
    "scalar NaN tensor": lambda: torch.tensor(math.nan),
    "empty tensor": lambda: torch.zeros(0),
    "integer tensor": lambda: torch.tensor([1, 2]),
    "complex tensor": lambda: torch.ones(2, dtype=torch.complex64),
    "large tensor": lambda: torch.zeros(1).expand(1, 1, 10**6, 10**6),
}


def bad_values(good: Any) -> dict[str, Callable[[], Any]]:
    """Return the values, by a description, that replace a good one."""
    if isinstance(good, np.ndarray):
        return GENERAL | {f"{label} array": (lambda v=value: v) for label, value in bad_arrays(good)}
    if isinstance(good, Recording):
        return GENERAL | {f"recording {label}": (lambda v=value: v) for label, value in bad_recordings(good)}
    if not isinstance(good, Tensor):
        return GENERAL
    return GENERAL | {f"{label} tensor": (lambda v=value: v) for label, value in bad_tensors(good)}
