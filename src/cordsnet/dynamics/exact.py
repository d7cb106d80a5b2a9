"""Products of numerical methods: without a graph, and in the precision that tensors have."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def exact() -> Iterator[None]:
    """No graph is kept, and float32 is computed in float32. Also a decorator.

    GPUs from Ampere on round the factors of float32 convolutions to 11 bits (TF32) unless told otherwise, as those of
    matrix products where `torch.set_float32_matmul_precision` allows it. Training bears that; residuals would end near
    1e-3, and a product and its transpose would not belong to one operator. The settings are those of the process, and
    are put back.
    """
    convolutions: Any = torch.backends.cudnn.conv  # type: ignore[attr-defined]
    before, products = convolutions.fp32_precision, torch.get_float32_matmul_precision()
    convolutions.fp32_precision = "ieee"
    if products != "highest":
        torch.set_float32_matmul_precision("highest")
    try:
        with torch.no_grad():
            yield
    finally:
        convolutions.fp32_precision = before
        if products != "highest":
            torch.set_float32_matmul_precision(products)
