"""A CordsNet with one more area on top, whose recurrence is self-attention instead of a convolution."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from cordsnet._arguments import check_init
from cordsnet._checks import is_int
from cordsnet.dynamics import NONE, Effects, Held, Inputs, Precision, RateSystem, State, System
from cordsnet.dynamics.circuit import emit
from cordsnet.models.cordsnet import rows
from cordsnet.models.cordsnet.model import CordsNet
from cordsnet.models.cordsnet.spec import AreaSpec, ConnectionSpec, NetworkSpec
from cordsnet.models.spec import ModelSpec
from cordsnet.models.table import ModelRow

ATTENTION = "attention"
"""Name of the area, and of its weights."""

STEPPERS = ("euler", "exponential_euler")
PROJECTIONS = ("query", "key", "value", "out")
TAU_MS = 20.0


@check_init
@dataclass(frozen=True)
class AttentionSpec(NetworkSpec):
    """A CordsNet whose highest area is called "attention" and has no recurrent kernel, and one more field.

    Attributes
    ----------
    heads : of the attention; they divide the channels of the area.
    """

    kind: ClassVar[str] = "cords_attention"
    heads: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        top = self.areas[-1]
        if top.name != ATTENTION or top.recurrent_kernel is not None:
            raise ValueError(
                f"areas must end with one that is called {ATTENTION!r} and has no recurrent kernel, got {top.name!r}"
            )
        if not is_int(self.heads, 1) or top.channels % self.heads:
            raise ValueError(
                f"heads must divide the {top.channels} channels of the attention area, got {self.heads!r}; "
                "try 1, 2 or 4, or change the width"
            )

    def is_sized(self, row: ModelSpec) -> bool:
        """True for the scheme of a row of this kind."""
        return isinstance(row, AttentionSpec) and self.heads == row.heads and super().is_sized(row)


class CordsAttention(CordsNet):
    """A CordsNet with an area of self-attention on top, with a time constant of its own.

        tau dr/dt = -r + phi(O Attention(Q r, K r, V r) + F * u + b)

    Positions of the area attend to one another (Vaswani et al. 2017, equation 1, several heads) in the place of a
    recurrent kernel; all else is as in a CordsNet. The equation is this package's own. It begins from zero rates.
    """

    kind = "cords_attention"
    feedforward_kind = None
    spec_type = AttentionSpec
    about = (
        f"A CordsNet ([Soo et al., NeurIPS 2024]({rows.PAPER})) with one more area on top, whose positions "
        "attend to one another in continuous time."
    )
    spec: AttentionSpec

    def __init__(self, spec: AttentionSpec, *args: Any, **options: Any) -> None:
        super().__init__(spec, *args, **options)
        channels = spec.areas[-1].channels
        std = channels**-0.5
        self.attention = nn.ParameterDict(
            {name: nn.Parameter(std * torch.randn(channels, channels, dtype=torch.float32)) for name in PROJECTIONS}
        )

    @property
    def uncalled_modules(self) -> tuple[str, ...]:
        """Kernels and biases: the system computes with their tensors."""
        return *super().uncalled_modules, ATTENTION

    def bind(self, dt: float, stepper: str, precision: Precision) -> "AttentionSystem":  # type: ignore[override]
        """The network bound to `dt` (ms), a stepper and a precision."""
        if stepper not in STEPPERS:
            raise ValueError(f"stepper must be one of {', '.join(STEPPERS)} for {self.kind!r}, got {stepper!r}")
        inner = super().bind(dt, stepper, precision)
        inner.start = None
        weights = {name: weight.to(inner.like.dtype) for name, weight in self.attention.items()}
        return AttentionSystem(inner, weights, self.spec.heads)


class AttentionSystem(System[Held]):
    """The rate system of the areas, and what attention brings to the highest one in every step, as one more pathway."""

    def __init__(self, inner: RateSystem, weights: Mapping[str, Tensor], heads: int) -> None:
        self.inner, self.weights, self.heads = inner, weights, heads
        self.clock, self.like, self.signals, self.outputs = inner.clock, inner.like, inner.signals, inner.outputs
        self.pathways, self.sources = (*inner.pathways, f"{ATTENTION} -> {ATTENTION}"), inner.sources
        self.identity = inner.identity, heads, inner.stepper.name

    def silent_past(self, batch: int) -> dict[str, tuple[Tensor, ...]]:
        """Zeros in every delayed pathway."""
        return self.inner.silent_past(batch)

    def hold(self, inputs: Inputs) -> Held:
        """Constant drive and encoded inputs."""
        return self.inner.hold(inputs)

    def encoded(self, context: Held) -> Mapping[str, Tensor]:
        """The stem's maps."""
        return self.inner.encoded(context)

    def advance(self, state: State, context: Held, effects: Effects = NONE) -> State:
        """One step of the chosen stepper; attention reads the rates of the step before, as all areas do."""
        brought = effects.pathway(f"{ATTENTION} -> {ATTENTION}", self.attend(emit(state.values[ATTENTION])))
        return self.inner.advance(state, context, effects & Effects(currents={ATTENTION: brought}))

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores."""
        return self.inner.read(state)

    def attend(self, maps: Tensor) -> Tensor:
        """O Attention(Q r, K r, V r) between the positions of maps [B, C, H, W]."""
        tokens = maps.flatten(2).transpose(1, 2)
        parts = [functional.linear(tokens, self.weights[name]) for name in PROJECTIONS[:3]]
        query, key, value = (part.view(*part.shape[:2], self.heads, -1).transpose(1, 2) for part in parts)
        found = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return functional.linear(found, self.weights["out"]).transpose(1, 2).reshape(maps.shape)


REMARKS = (
    "The arrangement is this package's own: there is no published network under this name.",
    "Attention is not linear in the rates, so that steady states, Jacobians and certificates of rate equations are not "
    "there for it; regimes and Lyapunov exponents by simulation are.",
    "It begins from zero rates, and is trained directly: it has no feedforward twin.",
)


def _row(row: ModelRow) -> ModelRow:
    """A CordsNet with an attention area on top of its highest one, which reads that one."""
    assert isinstance(row.spec, NetworkSpec)
    below, name = row.spec.areas[-1], row.name.replace("cordsnet", "cords_attention")
    fields = {field.name: getattr(row.spec, field.name) for field in dataclasses.fields(NetworkSpec)}
    top = AreaSpec(ATTENTION, below.channels, kernel=1, recurrent_kernel=None, tau_ms=TAU_MS)
    fields |= {"name": name, "areas": (*row.spec.areas, top), "readout": (below.name, ATTENTION)}
    fields["connections"] = (*row.spec.connections, ConnectionSpec(below.name, ATTENTION))
    clock = f"continuous, tau {row.spec.tau_ms:g} ms, of the attention {TAU_MS:g} ms"
    return ModelRow(name, "cords_attention", AttentionSpec(**fields), SOURCE, clock, tiny=rows.TINY, remarks=REMARKS)


SOURCE = f"Soo et al., NeurIPS 2024, {rows.PAPER}; Vaswani et al., NeurIPS 2017 (the arrangement is this package's own)"
R4, R6, R8 = map(_row, (rows.R4, rows.R6, rows.R8))
R2_SMALL, R4_SMALL, R6_SMALL, R8_SMALL = map(_row, (rows.R2_SMALL, rows.R4_SMALL, rows.R6_SMALL, rows.R8_SMALL))
