"""An operator that counts its products."""

from torch import Tensor

from cordsnet.analysis.operators import LinearOperator


class CountingOperator(LinearOperator):
    """Wrap `operator` and count how many vectors it or its transpose was applied to."""

    def __init__(self, operator: LinearOperator) -> None:
        super().__init__(operator.domain, operator.codomain, operator.dtype, operator.device)
        self.operator, self.products = operator, 0

    def apply(self, batch: Tensor) -> Tensor:
        """A x, counted."""
        self.products += len(batch)
        return self.operator.apply(batch)

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """A' y, counted."""
        self.products += len(batch)
        return self.operator.apply_transpose(batch)
