"""Linear operators: convolutions, Jacobians, and what is made of them, known by their products alone."""

from cordsnet.analysis.operators.convolution import ConvOperator
from cordsnet.analysis.operators.operator import Identity, LinearOperator, check_square
from cordsnet.analysis.operators.plain import Diagonal, MatrixOperator

__all__ = ["ConvOperator", "Diagonal", "Identity", "LinearOperator", "MatrixOperator", "check_square"]
