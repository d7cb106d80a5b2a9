"""Memory of movies that is used again: to be given new memory by the system takes longer than to draw in it."""

import threading
import weakref
from collections import deque
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

LEAST = 2**18
"""Fewest numbers, 1 MiB, of a piece of memory that is kept; smaller ones come fast enough."""

MOST = 2**26
"""Most numbers, 256 MiB, of all pieces together that are kept while nobody uses them."""

_kept: deque[NDArray[np.float32]] = deque()
_lock = threading.RLock()  # a finalizer may run within `movie_memory`, in its thread


def movie_memory(count: int) -> Tensor:
    """Memory for `count` numbers in single precision, of any content, which nobody else uses.

    It is kept for the next movie once the last tensor that shares it is gone, if it is of 1 MiB at least, and until 256
    MiB are kept.
    """
    if count < LEAST:
        return torch.empty(count)
    whole = _taken(count)
    if whole is None:
        whole = np.empty(count, dtype=np.float32)
    part = whole[:count]  # this view lives as long as the tensor and all that share its memory
    weakref.finalize(part, _keep, whole).atexit = False
    return torch.from_numpy(part)


def _taken(count: int) -> NDArray[np.float32] | None:
    """Take out a piece for `count` numbers, if one fits; one by one, since finalizers may add some meanwhile."""
    with _lock:
        for _ in range(len(_kept)):
            one = _kept.popleft() if _kept else None
            if one is None or count <= len(one) <= 2 * count:
                return one
            _kept.append(one)
    return None


def _keep(whole: NDArray[Any]) -> None:
    """Keep memory that nobody uses, and let go of what was kept longest."""
    if len(whole) > MOST:
        return
    with _lock:
        _kept.append(whole)
        while _kept and sum(map(len, list(_kept))) > MOST:
            _kept.popleft()
