"""How analyses compute: without a graph, and in the precision that their tensors have."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cordsnet.dynamics.precision import full_precision


@contextmanager
def exact() -> Iterator[None]:
    """No graph is kept, and float32 is computed in float32, convolutions and matrix products; also a decorator.

    With products rounded to 11 bits (TF32) residuals would end near 1e-3, and an operator and its transpose would not
    belong together.
    """
    before = torch.get_float32_matmul_precision()
    if before != "highest":
        torch.set_float32_matmul_precision("highest")
    try:
        with torch.no_grad(), full_precision():
            yield
    finally:
        if before != "highest":
            torch.set_float32_matmul_precision(before)
