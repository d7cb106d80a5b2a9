"""A linear function of tensors as an operator, transposed by automatic differentiation."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from cordsnet.analysis.operators.operator import LinearOperator


class TracedOperator(LinearOperator):
    """f, on batches [K, *domain] -> [K, *codomain], where f is linear but for a constant, which is taken off.

    The transpose runs back through the graph of f. Since f is linear that graph holds for every vector, so it is made
    once for each K and kept: as much memory as one evaluation of f.
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
        """What a change of the result asks of x."""
        if self._graph is None or len(self._graph[0]) != len(batch):
            with torch.enable_grad():
                leaf = batch.new_zeros(len(batch), *self.domain).requires_grad_()
                self._graph = leaf, self.function(leaf)
        leaf, made = self._graph
        (back,) = torch.autograd.grad(made, leaf, batch, retain_graph=True)
        return back
