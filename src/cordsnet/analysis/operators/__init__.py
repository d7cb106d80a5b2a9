"""Linear operators known by their products: convolutions, Jacobians, matrices, and their algebra."""

from cordsnet.analysis.operators.convolution import ConvOperator
from cordsnet.analysis.operators.operator import Identity, LinearOperator, check_square
from cordsnet.analysis.operators.plain import Diagonal, MatrixOperator

__all__ = ["ConvOperator", "Diagonal", "Identity", "LinearOperator", "MatrixOperator", "check_square"]
