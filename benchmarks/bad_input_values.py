"""Values that replace a good argument: of another type, rank, size or precision, or not finite."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor


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
    if not isinstance(good, Tensor):
        return GENERAL
    return GENERAL | {f"{label} tensor": (lambda v=value: v) for label, value in bad_tensors(good)}
