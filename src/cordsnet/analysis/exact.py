"""How analyses compute: without a graph, and in the precision that their tensors have."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cordsnet.dynamics.precision import full_precision


@contextmanager
def exact() -> Iterator[None]:
    """No graph is kept, and float32 is computed in float32, convolutions and matrix products; also a decorator.

    With factors rounded to 11 bits (TF32) residuals would stall above 1e-5, and an operator and its transpose would not
    belong together.
    """
    with torch.no_grad(), full_precision():
        yield
