"""Recurrent networks for cognitive tasks whose trials are rendered as vectors, with weights of four forms.

Their equation and their noise are those of Yang et al. (2019).
"""

import math

import torch
from torch import Tensor, nn

from cordsnet.dynamics import (
    Activation,
    Chain,
    Circuit,
    DenseMap,
    Inputs,
    KernelMap,
    LinearMap,
    Pathway,
    Precision,
    RateEquation,
    RateSystem,
    Unflatten,
)
from cordsnet.models.recurrence import Conv, Dense, LowRank, Sparse, normal, now, signs
from cordsnet.models.timed import TimedModel
from cordsnet.models.vector_rnn.spec import AREA, VECTOR, VectorSpec


class VectorRNN(TimedModel):
    """tau dr/dt = -r + phi(W r + U u + b + noise), u a vector; outputs are linear in r.

    Inputs: "vector" [B, vector_size]. Outputs: those of the spec, [B, size]. `shapes["area1"]` is [N], or
    [channels, side, side] where W is a convolution. It starts from zero rates.

    The private noise of a step has the standard deviation sigma sqrt(2 tau / dt - 1) in the drive, sigma the spec's
    `noise`, so that a linear unit without recurrence fluctuates with the standard deviation sigma at every dt. In Yang
    et al. (2019) it is sigma sqrt(2 tau / dt), whose unit fluctuates with sigma / sqrt(1 - dt / (2 tau)): at dt = 20
    and tau = 100 ms their sigma of 0.05 is `noise` = 0.0527, and for short steps the two agree. Noise is rectified
    with the drive: near the kink of "relu" the mean rate that it brings grows as 1 / sqrt(dt), in their equation too:
    compare networks with noise at one dt.

    With `dale`, the weight in use is |weight| times a saved sign of its source, so that training cannot change a sign
    (Song et al. 2016). The sources that come first excite. W is drawn such that excitation and inhibition of every
    unit cancel (Rajan & Abbott 2006); U and the readouts may have any sign.

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "vector_rnn"
    spec_type = VectorSpec
    about = "A recurrent network that reads vectors: dense, of low rank, sparse or convolutional (Yang et al. 2019)."
    spec: VectorSpec

    def __init__(self, spec: VectorSpec) -> None:
        super().__init__()
        self.spec = spec
        self.afferent = nn.Parameter(normal(spec.size, spec.vector_size, std=1 / math.sqrt(spec.vector_size)))
        self.recurrent = _recurrence(spec)
        self.bias = nn.Parameter(torch.zeros(spec.shape, dtype=torch.float32))
        std = 1 / math.sqrt(spec.size)
        self.decoders = nn.ParameterDict(
            {_key(name): normal(size, spec.size, std=std) for name, _, size in spec.outputs}
        )
        self.decoder_biases = nn.ParameterDict(
            {_key(name): torch.zeros(size, dtype=torch.float32) for name, _, size in spec.outputs}
        )

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """One vector, or one map."""
        return {AREA: self.spec.shape}

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """A vector."""
        return {VECTOR: (self.spec.vector_size,)}

    @property
    def outputs(self) -> dict[str, tuple[str, ...]]:
        """Those of the spec, each with one axis."""
        return {name: (axis,) for name, axis, _ in self.spec.outputs}

    @property
    def uncalled_modules(self) -> tuple[str, ...]:
        """Recurrence and readouts: the system computes with their tensors."""
        return "recurrent", "decoders", "decoder_biases"

    def bind(self, dt: float, stepper: str, precision: Precision) -> RateSystem:
        """The network bound to `dt` (ms), a stepper and a precision."""
        compute, dtype = precision.of_convolutions(self.bias), precision.of_rates(self.bias)
        equation = RateEquation(self.circuit(compute, dtype), Activation(self.spec.activation))
        return RateSystem(equation, dt, stepper, self.bias.to(dtype), (compute, dtype), compute)

    def circuit(self, compute: torch.dtype | None = None, dtype: torch.dtype | None = None) -> Circuit:
        """The network as an area, pathways and outputs.

        Convolutions are computed in `compute` and rates kept in `dtype` (None: those of the weights).
        """
        afferent: LinearMap = DenseMap(now(self.afferent))
        readouts = {name: DenseMap(now(self.decoders[_key(name)])) for name in self.outputs}
        return Circuit(
            areas=(AREA,),
            shapes={**self.shapes, VECTOR: (self.spec.vector_size,)},
            pathways=(
                Pathway(VECTOR, AREA, Chain(afferent, Unflatten(self.spec.shape)) if self.bias.ndim > 1 else afferent),
                Pathway(AREA, AREA, self._recurrent_map(compute), recurrent=True),
                *(Pathway(AREA, name, one) for name, one in readouts.items()),
            ),
            encoders={VECTOR: _vector},
            feedforward={},
            bias={AREA: now(self.bias), **{name: now(self.decoder_biases[_key(name)]) for name in readouts}},
            tau_ms={AREA: self.spec.tau_ms},
            outputs=self.outputs,
            dtype=dtype or self.bias.dtype,
            noise={AREA: self.spec.noise} if self.spec.noise else {},
            reads_rates=True,
        )

    def _recurrent_map(self, compute: torch.dtype | None) -> KernelMap:
        return self.recurrent.map(compute) if isinstance(self.recurrent, Conv) else self.recurrent.map()


def _recurrence(spec: VectorSpec) -> Dense | LowRank | Sparse | Conv:
    sign = signs(spec.sources, spec.dale) if spec.dale else None
    if spec.recurrence == "lowrank":
        return LowRank(spec)
    kinds: dict[str, type[Dense] | type[Sparse] | type[Conv]] = {"dense": Dense, "sparse": Sparse, "conv": Conv}
    return kinds[spec.recurrence](spec, sign)


def _vector(inputs: Inputs) -> Tensor | None:
    return inputs.get(VECTOR)


def _key(output: str) -> str:
    """Name of an output's weights; names alone may be those of a dictionary's own methods."""
    return f"to_{output}"
