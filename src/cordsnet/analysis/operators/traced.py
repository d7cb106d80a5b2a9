"""A linear function of tensors as an operator, transposed by automatic differentiation."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from cordsnet.analysis.operators.operator import LinearOperator


class TracedOperator(LinearOperator):
    """The linear part f(x) - f(0) of an affine function f of batches [K, *domain] -> [K, *codomain].

    The transpose is computed by automatic differentiation. Since f is affine, one graph is valid for every x: it is
    made once for each K and kept, which takes as much memory as one evaluation of f.
    """

    def __init__(
        self,
        function: Callable[[Tensor], Tensor],
        domain: Sequence[int],
        codomain: Sequence[int],
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        super().__init__(tuple(domain), tuple(codomain), dtype, device)
        self.function = function
        with torch.no_grad():
            self.constant = function(torch.zeros(1, *domain, dtype=dtype, device=device))
        self._graph: tuple[Tensor, Tensor] | None = None

    def apply(self, batch: Tensor) -> Tensor:
        """f(x) - f(0)."""
        return self.function(batch) - self.constant

    def apply_transpose(self, batch: Tensor) -> Tensor:
        """The transpose: the vector-Jacobian product of f."""
        if self._graph is None or len(self._graph[0]) != len(batch):
            with torch.enable_grad():
                leaf = batch.new_zeros(len(batch), *self.domain).requires_grad_()
                self._graph = leaf, self.function(leaf)
        leaf, made = self._graph
        (back,) = torch.autograd.grad(made, leaf, batch, retain_graph=True)
        return back
