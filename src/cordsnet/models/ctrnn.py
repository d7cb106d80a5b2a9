"""Continuous-time RNNs without convolutions, on flattened pixels: with a dense, a low-rank or a sparse matrix.

They are the networks of Soo et al. (2024) that CordsNets are compared with, whose code is not public. Their equation is
that of the rates, and not that of the currents, tau dv/dt = -v + W relu(v).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from cordsnet._checks import check_positive, is_int, is_number
from cordsnet.dynamics import (
    Activation,
    Circuit,
    DenseMap,
    Inputs,
    Pathway,
    Precision,
    RateEquation,
    RateSystem,
)
from cordsnet.models.interface import IMAGE, SCORES
from cordsnet.models.recurrence import Dense, LowRank, Sparse, normal, now
from cordsnet.models.spec import ModelSpec
from cordsnet.models.table import ModelRow
from cordsnet.models.timed import TimedModel

AREA = "area1"
Recurrence = Literal["dense", "lowrank", "sparse"]


@dataclass(frozen=True)
class RNNSpec(ModelSpec):
    """A vector of units that read all pixels and all units.

    Attributes
    ----------
    name : the network's name.
    in_channels, image_size, num_classes : of the images [in_channels, *image_size] and the scores.
    units : number of units, N.
    recurrence : the matrix W of the recurrence: "dense"; "lowrank", left right' / N of the given rank; "sparse", with
        zeros at fixed places.
    rank : columns of left and right, from 1 to N; used by "lowrank".
    density : proportion of W's entries that are not zero, above 0 and at most 1; used by "sparse".
    gain : spectral radius of W as it is drawn, in the limit of many units.
    tau_ms : time constant, ms.
    dt_ms : step used where none is given, ms.
    response_ms : how long an image is held before the network is read, where nothing else is said, ms.
    """

    kind: ClassVar[str] = "ctrnn"
    name: str = "ctrnn_dense"
    in_channels: int = 3
    image_size: tuple[int, int] = (32, 32)
    num_classes: int = 10
    units: int = 1000
    recurrence: Recurrence = "dense"
    rank: int = 16
    density: float = 0.1
    gain: float = 0.9
    tau_ms: float = 10.0
    dt_ms: float = 2.0
    response_ms: float = 200.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("in_channels", "num_classes", "units", "rank"):
            if not is_int(getattr(self, name), 1):
                raise ValueError(f"{name} must be a whole number of at least 1, got {getattr(self, name)!r}")
        for name in ("tau_ms", "dt_ms", "response_ms"):
            check_positive(getattr(self, name), name)
        if self.recurrence not in get_args(Recurrence):
            raise ValueError(f"recurrence must be 'dense', 'lowrank' or 'sparse', got {self.recurrence!r}")
        if self.recurrence == "lowrank" and self.rank > self.units:
            raise ValueError(f"rank must be at most the number of units, {self.units}, got {self.rank}")
        if not is_number(self.density) or not 0 < self.density <= 1:
            raise ValueError(f"density must be above 0 and at most 1, got {self.density!r}")
        if not is_number(self.gain) or not 0 <= self.gain < math.inf:
            raise ValueError(f"gain must be a finite number of at least 0, got {self.gain!r}")

    @property
    def pixels(self) -> int:
        """Length of a flattened image."""
        return self.in_channels * math.prod(self.image_size)

    @property
    def entries(self) -> int:
        """Entries of a sparse W that are not zero."""
        return max(1, round(self.density * self.units**2))

    @property
    def width(self) -> int:
        """Number of units."""
        return self.units

    def with_width(self, width: int) -> "RNNSpec":
        """The spec with `width` units."""
        return self.changed(units=width)


RECURRENCES: Mapping[str, type[Dense] | type[LowRank] | type[Sparse]] = {
    "dense": Dense,
    "lowrank": LowRank,
    "sparse": Sparse,
}
"""`RNNSpec.recurrence` -> what holds the weights of the recurrence."""


class ContinuousRNN(TimedModel):
    """tau dr/dt = -r + relu(W r + b + V x), x the flattened image; scores are linear in r.

    It starts from spontaneous activity, as CordsNet does. `shapes["area1"]` is [N].

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "ctrnn"
    spec_type = RNNSpec
    about = "A continuous-time RNN on flattened pixels, whose recurrence is dense, of low rank or sparse."
    spec: RNNSpec

    def __init__(self, spec: RNNSpec) -> None:
        super().__init__()
        self.spec = spec
        self.afferent = nn.Parameter(normal(spec.units, spec.pixels, std=math.sqrt(2 / spec.pixels)))
        self.recurrent = RECURRENCES[spec.recurrence](spec)
        self.bias = nn.Parameter(torch.zeros(spec.units, dtype=torch.float32))
        self.decoder = nn.Parameter(normal(spec.num_classes, spec.units, std=1 / math.sqrt(spec.units)))
        self.decoder_bias = nn.Parameter(torch.zeros(spec.num_classes, dtype=torch.float32))

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """One vector."""
        return {AREA: (self.spec.units,)}

    @property
    def uncalled_modules(self) -> tuple[str, ...]:
        """The recurrence: the system computes with its tensors."""
        return ("recurrent",)

    def bind(self, dt: float, stepper: str, precision: Precision) -> RateSystem:
        """The network bound to `dt` (ms), a stepper and a precision; it begins from spontaneous activity."""
        dtype = precision.of_rates(self.bias)
        equation = RateEquation(self.circuit(dtype), Activation("relu"))
        return RateSystem(equation, dt, stepper, self.bias.to(dtype), dtype, start=self.spontaneous)

    def circuit(self, dtype: torch.dtype | None = None) -> Circuit:
        """The network as an area, pathways and scores, with rates in `dtype` (None: that of the weights)."""
        pathways = (
            Pathway(IMAGE, AREA, DenseMap(now(self.afferent))),
            Pathway(AREA, AREA, self.recurrent.map(), recurrent=True),
            Pathway(AREA, SCORES, DenseMap(now(self.decoder))),
        )
        return Circuit(
            areas=(AREA,),
            shapes={**self.shapes, IMAGE: self.input_shape},
            pathways=pathways,
            encoders={IMAGE: _image},
            feedforward={},
            bias={AREA: now(self.bias), SCORES: now(self.decoder_bias)},
            tau_ms={AREA: self.spec.tau_ms},
            outputs=self.outputs,
            dtype=dtype or self.bias.dtype,
        )


def _image(inputs: Inputs) -> Tensor | None:
    return inputs.get(IMAGE)


SOURCE = "Soo et al., NeurIPS 2024, https://openreview.net/forum?id=ZZ94aLbMOK"
CLOCK = "continuous, tau 10 ms"
TINY = {"image_size": 6, "in_channels": 1, "num_classes": 3, "units": 12, "rank": 3, "density": 0.3}
REMARKS = (
    "The sizes are ours, since the paper's code for fully connected networks is not public.",
    "Images are read at their own size: a network is made for one size, and its weights fit no other.",
    "The equation is that of rates, -r + relu(W r), and not that of currents, -v + W relu(v), of other libraries.",
)
SPARSE_REMARK = (
    "Places of the entries that are not zero are drawn from the seed and saved; the product is computed as a dense one."
)


def _row(recurrence: Recurrence) -> ModelRow:
    name = f"ctrnn_{recurrence}"
    remarks = (*REMARKS, SPARSE_REMARK) if recurrence == "sparse" else REMARKS
    return ModelRow(name, "ctrnn", RNNSpec(name, recurrence=recurrence), SOURCE, CLOCK, tiny=TINY, remarks=remarks)


def _small(row: ModelRow) -> ModelRow:
    name = f"{row.name}_small"
    spec = row.spec.changed(name=name, in_channels=1, image_size=(16, 16), units=128)
    return ModelRow(name, "ctrnn", spec, SOURCE, CLOCK, tiny=TINY, remarks=row.remarks)


DENSE, LOWRANK, SPARSE = (_row(recurrence) for recurrence in get_args(Recurrence))
DENSE_SMALL, LOWRANK_SMALL, SPARSE_SMALL = map(_small, (DENSE, LOWRANK, SPARSE))
