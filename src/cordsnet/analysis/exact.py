"""Context of every analysis: no graph, and the full precision of the tensors."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cordsnet.dynamics.precision import full_precision


@contextmanager
def exact() -> Iterator[None]:
    """Keep no graph and compute float32 in float32, in convolutions and matrix products; also a decorator.

    With factors rounded to 11 bits (TF32) residuals would stall above 1e-5, and the products with an operator and with
    its transpose would disagree.
    """
    with torch.no_grad(), full_precision():
        yield
