"""A network for cognitive tasks from pixels: a visual area, a vector area with private noise, and two outputs.

The vector area is the continuous-time RNN of Yang et al. (2019), tau 100 ms and noise of standard deviation 0.05; the
visual area is that of a CordsNet (Soo et al. 2024), tau 10 ms.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from cordsnet._checks import check_positive, is_int, is_number
from cordsnet.dynamics import (
    Activation,
    Chain,
    Circuit,
    ConvMap,
    DenseMap,
    Inputs,
    LinearMap,
    Pathway,
    Pool,
    Precision,
    RateEquation,
    RateSystem,
    channels_last,
    convolve,
)
from cordsnet.models.interface import IMAGE
from cordsnet.models.spec import ModelSpec
from cordsnet.models.table import ModelRow
from cordsnet.models.timed import TimedModel

STEM, VISUAL, DECISION, FIXATION, CHOICE, EYE = "stem", "visual", "decision", "fixation", "choice", "eye"
STEM_STRIDE = 2


@dataclass(frozen=True)
class TaskSpec(ModelSpec):
    """A visual area that reads images, a vector area that reads it and a fixation cue, a choice and an eye position.

    Attributes
    ----------
    name : the network's name.
    in_channels, image_size : of the images [in_channels, *image_size].
    channels : feature maps of the visual area, which is half as large as the image.
    units : units of the vector area.
    cues : length of the fixation input.
    choices : number of options between which the choice is made.
    reads : what the vector area reads of the visual one: "pool", the mean of every channel, or "flatten", every unit.
    noise : standard deviation of the private noise of the vector area, in units of its rates; 0 for none.
    visual_tau_ms, tau_ms : time constants of the visual and of the vector area, ms.
    dt_ms : step used where none is given, ms.
    response_ms : how long inputs are held before the network is read, where nothing else is said, ms.
    """

    kind: ClassVar[str] = "task_rnn"
    name: str = "task_rnn"
    in_channels: int = 1
    image_size: tuple[int, int] = (32, 32)
    channels: int = 16
    units: int = 128
    cues: int = 1
    choices: int = 2
    reads: Literal["pool", "flatten"] = "pool"
    noise: float = 0.05
    visual_tau_ms: float = 10.0
    tau_ms: float = 100.0
    dt_ms: float = 2.0
    response_ms: float = 500.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("in_channels", "channels", "units", "cues", "choices"):
            if not is_int(getattr(self, name), 1):
                raise ValueError(f"{name} must be a whole number of at least 1, got {getattr(self, name)!r}")
        for name in ("visual_tau_ms", "tau_ms", "dt_ms", "response_ms"):
            check_positive(getattr(self, name), name)
        if self.reads not in ("pool", "flatten"):
            raise ValueError(f"reads must be 'pool' or 'flatten', got {self.reads!r}")
        if not is_number(self.noise) or not 0 <= self.noise < math.inf:
            raise ValueError(f"noise must be a finite number of at least 0, got {self.noise!r}")

    @property
    def maps(self) -> tuple[int, int, int]:
        """[C, H, W] of the visual area."""
        height, width = (-(-n // STEM_STRIDE) for n in self.image_size)
        return self.channels, height, width


class TaskRNN(TimedModel):
    """tau dr/dt = -r + relu(drive + noise) in a visual and a vector area, read out as a choice and an eye position.

    Inputs: "image" [B, C, H, W] and "fixation" [B, cues]. Outputs: "choice" [B, choices], scores of the options, and
    "eye" [B, 2], a position in degrees, horizontal and vertical. It starts from zero rates.
    """

    kind = "task_rnn"
    spec_type = TaskSpec
    about = "A recurrent network for cognitive tasks from pixels: a visual area, a vector area, a choice and an eye."
    spec: TaskSpec

    def __init__(self, spec: TaskSpec) -> None:
        super().__init__()
        self.spec = spec
        c, n = spec.channels, spec.units
        read = c if spec.reads == "pool" else math.prod(spec.maps)
        self.weights = nn.ParameterDict(
            {
                "stem": _normal(c, spec.in_channels, 3, 3, gain=math.sqrt(2)),
                "visual": _normal(c, c, 3, 3, gain=0.5),
                "to_decision": _normal(n, read, gain=math.sqrt(2)),
                "fixation": _normal(n, spec.cues, gain=1.0),
                "decision": _normal(n, n, gain=0.9),
                "choice": _normal(spec.choices, n, gain=1.0),
                "eye": _normal(2, n, gain=1.0),
            }
        )
        sizes = {"visual": spec.maps, "decision": (n,), "choice": (spec.choices,), "eye": (2,)}
        self.bias = nn.ParameterDict({name: torch.zeros(shape) for name, shape in sizes.items()})

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """A map and a vector."""
        return {VISUAL: self.spec.maps, DECISION: (self.spec.units,)}

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Images and a fixation cue."""
        return {IMAGE: (self.spec.in_channels, *self.spec.image_size), FIXATION: (self.spec.cues,)}

    @property
    def outputs(self) -> dict[str, tuple[str, ...]]:
        """A choice between options, and an eye position."""
        return {CHOICE: ("option",), EYE: ("coordinate",)}

    @property
    def uncalled_modules(self) -> tuple[str, ...]:
        """Weights and biases: the system computes with their tensors."""
        return "weights", "bias"

    def bind(self, dt: float, stepper: str, precision: Precision) -> RateSystem:
        """The network bound to `dt` (ms), a stepper and a precision."""
        like = self.weights["decision"]
        compute, dtype = precision.of_convolutions(like), precision.of_rates(like)
        equation = RateEquation(self.circuit(compute, dtype), Activation("relu"))
        return RateSystem(equation, dt, stepper, like.to(dtype), (compute, dtype), compute)

    def circuit(self, compute: torch.dtype, dtype: torch.dtype) -> Circuit:
        """The network as areas, pathways and outputs."""
        w, bias = dict(self.weights.items()), dict(self.bias.items())
        if not torch.is_grad_enabled():  # weights as they are now, also when parameters change later
            w, bias = ({name: value.detach().clone() for name, value in some.items()} for some in (w, bias))
        read: LinearMap = DenseMap(w["to_decision"])
        pathways = (
            Pathway(STEM, VISUAL),
            Pathway(VISUAL, VISUAL, ConvMap(channels_last(w["visual"]), 1, compute), recurrent=True),
            Pathway(VISUAL, DECISION, Chain(Pool(), read) if self.spec.reads == "pool" else read),
            Pathway(FIXATION, DECISION, DenseMap(w["fixation"])),
            Pathway(DECISION, DECISION, DenseMap(w["decision"]), recurrent=True),
            Pathway(DECISION, CHOICE, DenseMap(w["choice"])),
            Pathway(DECISION, EYE, DenseMap(w["eye"])),
        )
        return Circuit(
            areas=(VISUAL, DECISION),
            shapes={**self.shapes, STEM: self.spec.maps, FIXATION: (self.spec.cues,)},
            pathways=pathways,
            encoders={STEM: partial(_encode, w["stem"]), FIXATION: lambda inputs: inputs.get(FIXATION)},
            feedforward={},
            bias=bias,
            tau_ms={VISUAL: self.spec.visual_tau_ms, DECISION: self.spec.tau_ms},
            outputs=self.outputs,
            dtype=dtype,
            noise={DECISION: self.spec.noise} if self.spec.noise else {},
        )


def _encode(weight: Tensor, inputs: Inputs) -> Tensor | None:
    """The image as the visual area reads it: one convolution of stride 2."""
    image = inputs.get(IMAGE)
    return None if image is None else convolve(image, weight, STEM_STRIDE)


def _normal(*shape: int, gain: float) -> Tensor:
    """Normal numbers with standard deviation gain / sqrt(fan in)."""
    return torch.randn(*shape) * gain / math.sqrt(math.prod(shape[1:]))


SOURCE = "Yang et al., Nature Neuroscience 2019; Soo et al., NeurIPS 2024"
CLOCK = "continuous, tau 10 ms (visual) and 100 ms (vector)"
TINY = {"image_size": 8, "channels": 3, "units": 8}
ROW = ModelRow("task_rnn", "task_rnn", TaskSpec(), SOURCE, CLOCK, tiny=TINY)
SMALL_SPEC = TaskSpec("task_rnn_small", image_size=(16, 16), channels=4, units=24, dt_ms=5.0)
SMALL = ModelRow("task_rnn_small", "task_rnn", SMALL_SPEC, SOURCE, CLOCK, tiny=TINY)
