"""One small example of every operator, for tests that hold for all of them."""

import torch
from torch.nn import functional

from cordsnet.analysis.operators import ConvOperator, Diagonal, Identity, MatrixOperator
from cordsnet.analysis.operators.traced import TracedOperator


def example_operators(dtype=torch.float64, seed=0, device="cpu"):
    """Name -> operator."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=draw, dtype=torch.float64).to(device, dtype)

    square = ConvOperator(normal(3, 3, 3, 3), (5, 6))
    other = ConvOperator(normal(3, 3, 5, 5), (5, 6))
    matrix, tall = MatrixOperator(normal(7, 7)), MatrixOperator(normal(9, 4))
    return {
        "zero": square,
        "zero_5": other,
        "zero_1": ConvOperator(normal(2, 3, 1, 1), (4, 3)),
        "zero_strided": ConvOperator(normal(2, 3, 3, 3), (5, 6), stride=2),
        "periodic": ConvOperator(normal(3, 3, 3, 3), (5, 6), "periodic"),
        "periodic_5": ConvOperator(normal(2, 2, 5, 5), (3, 4), "periodic"),
        "periodic_strided": ConvOperator(normal(4, 3, 3, 3), (6, 4), "periodic", stride=2),
        "periodic_wide": ConvOperator(normal(2, 2, 5, 5), (6, 9), "periodic", stride=3),
        "matrix": matrix,
        "tall": tall,
        "diagonal": Diagonal(normal(3, 5, 6)),
        "identity": Identity(square),
        "sum": square + 2.0 * other,
        "difference": square - other,
        "product": ConvOperator(normal(2, 3, 3, 3), (5, 6), stride=2) @ Diagonal(normal(3, 5, 6)) @ square,
        "shifted": square.shift(0.7),
        "transpose": ConvOperator(normal(2, 3, 3, 3), (5, 6), stride=2).T,
        "gram": tall.T @ tall,
        "traced": _pooled(dtype, device),
    }


def _pooled(dtype, device):
    """An average pool and a constant, whose transpose automatic differentiation finds."""

    def pool(maps):
        return functional.avg_pool2d(maps, 3, 2, 1).flatten(1) + 0.5

    return TracedOperator(pool, (2, 5, 5), (18,), dtype, torch.device(device))
