"""What a dynamical model carries from one step to the next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class State:
    """Rates of every area, and what delayed connections still have to deliver.

    Attributes
    ----------
    rates : area -> [B, C, H, W] (for a peer model, whatever it carries, batch first).
    past : source -> what that source emitted 1, 2, ... steps ago, newest first; only sources
        that some connection reads with a delay are kept.
    """

    rates: Mapping[str, Tensor]
    past: Mapping[str, tuple[Tensor, ...]] = field(default_factory=dict)

    @property
    def batch(self) -> int:
        """Number of trials."""
        return next(iter(self.rates.values())).shape[0]

    def map(self, change: Callable[[Tensor], Tensor]) -> "State":
        """The state with `change` applied to every tensor in it."""
        rates = {name: change(value) for name, value in self.rates.items()}
        past = {name: tuple(change(value) for value in values) for name, values in self.past.items()}
        return replace(self, rates=rates, past=past)

    def detach(self) -> "State":
        """The state cut from the autograd graph."""
        return self.map(Tensor.detach)

    def expand(self, batch: int) -> "State":
        """A one-trial state shown as `batch` equal trials, without copying.

        Raises ValueError when the state holds another number of trials than 1 or `batch`.
        """
        if self.batch not in (1, batch):
            raise ValueError(
                f"initial_state holds {self.batch} trials but the protocol shows {batch}; "
                "give a state of one trial or of as many trials as images"
            )
        return self.map(lambda value: value.expand(batch, *value.shape[1:]))


def flush(values: Tensor) -> Tensor:
    """`values` with those below 1e5 times the smallest normal number set to zero (1e-33 in float32).

    The rate of a silent unit decays geometrically, and after some 400 steps of dt / tau = 0.2 it would stay
    for ever at a subnormal number, with which processors compute ten times slower. Gradients pass unchanged. Half
    precision (float16) has too few exponents for this, and is left as it is.
    """
    if values.dtype == torch.float16:
        return values.clone()
    with torch.no_grad():
        kept = functional.hardshrink(values, 1e5 * torch.finfo(values.dtype).tiny)
    return values + (kept - values).detach() if values.requires_grad else kept
