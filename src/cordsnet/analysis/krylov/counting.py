"""An operator that counts its products."""

from torch import Tensor

from cordsnet.analysis.operators import LinearOperator
from cordsnet.analysis.operators.operator import check_operator, checked_product


class CountingOperator(LinearOperator):
    """Wrap `operator` and count how many vectors it or its transpose was applied to."""

    def __init__(self, operator: LinearOperator) -> None:
        check_operator(operator, "op")
        super().__init__(operator.domain, operator.codomain, operator.dtype, operator.device)
        self.operator, self.products = operator, 0

    def apply(self, batch: Tensor) -> Tensor:
        """A x, counted."""
        self.products += len(batch)
        return checked_product(self.operator.apply, batch, self.codomain)

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """A' y, counted."""
        self.products += len(batch)
        return checked_product(self.operator.apply_transpose, batch, self.domain)
