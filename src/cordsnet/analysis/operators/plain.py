"""Operators with stored entries: a matrix, a diagonal."""

from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.analysis.operators.operator import LinearOperator


class Diagonal(LinearOperator):
    """x -> d x, element by element; d has the shape of the domain."""

    @check_arguments
    def __init__(self, values: Tensor) -> None:
        if values.ndim == 0 or not values.is_floating_point():
            raise ValueError(f"values must be real with at least one axis, got {values.dtype} of {list(values.shape)}")
        super().__init__(values.shape, values.shape, values.dtype, values.device)
        self.values = values.detach()

    def apply(self, batch: Tensor) -> Tensor:
        """d x; the transpose is the same."""
        return self.values * batch

    apply_transpose = apply


class MatrixOperator(LinearOperator):
    """A matrix [rows, columns] as an operator on flat vectors, for fully connected networks and for tests."""

    @check_arguments
    def __init__(self, matrix: Tensor) -> None:
        if matrix.ndim != 2 or not matrix.is_floating_point():
            raise ValueError(f"matrix must be real with two axes, got {matrix.dtype} of shape {list(matrix.shape)}")
        super().__init__((matrix.shape[1],), (matrix.shape[0],), matrix.dtype, matrix.device)
        self.matrix = matrix.detach()

    def apply(self, batch: Tensor) -> Tensor:
        """Matrix times each vector."""
        return batch @ self.matrix.T

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """Transposed matrix times each vector."""
        return batch @ self.matrix
