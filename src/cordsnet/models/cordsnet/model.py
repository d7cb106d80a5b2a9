"""CordsNet: a convolutional recurrent network that is a continuous-time dynamical system."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cordsnet.dynamics import Activation, Circuit, Clock, Precision, RateEquation, RateSystem
from cordsnet.errors import CheckpointError
from cordsnet.models.card import write_model_card
from cordsnet.models.cordsnet.circuit import SCORES, build_circuit
from cordsnet.models.cordsnet.layout import layout
from cordsnet.models.cordsnet.spec import STEM, AreaSpec, NetworkSpec
from cordsnet.models.cordsnet.wiring import Wiring
from cordsnet.models.files import read_model, write_model
from cordsnet.models.hub import download, upload
from cordsnet.models.interface import IMAGE, VisionModel
from cordsnet.models.preprocessing import Preprocessing

RESPONSE_MS = 200.0
"""How long an image is shown in training (Soo et al. 2024, section 3), and by default before a network is read."""


class CordsNet(VisionModel):
    """tau dr/dt = -r + phi(R * r + b + F * h), area by area (Soo et al. 2024, section 3).

    Parameters
    ----------
    spec : the network as data.
    activation : phi; ReLU in the final model, the identity and PReLU during training.

    The bias b is one value per unit [C, H, W]. An area hands on, and the readout pools, ReLU(r).
    """

    kind = "cordsnet"

    def __init__(self, spec: NetworkSpec, activation: Activation | None = None) -> None:
        super().__init__()
        self.spec = spec
        self.activation = activation or Activation("relu")
        sizes = layout(spec)
        self.wiring = Wiring(spec)
        self.bias = nn.ParameterDict({a.name: nn.Parameter(torch.zeros(sizes.shapes[a.name])) for a in spec.areas})
        self._tau = {area.name: _tau_per_unit(spec, area) for area in spec.areas if isinstance(area.tau_ms, tuple)}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Area -> [C, H, W]."""
        return {name: shape for name, shape in layout(self.spec).shapes.items() if name != STEM}

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Images [C, H, W]."""
        return {IMAGE: (self.spec.in_channels, *self.spec.image_size)}

    @property
    def outputs(self) -> dict[str, tuple[str, ...]]:
        """Class scores."""
        return {SCORES: ("class",)}

    @property
    def clock(self) -> Clock:
        """Continuous time with the spec's step."""
        return Clock(self.spec.dt_ms)

    @property
    def response_ms(self) -> float:
        """The duration for which the paper shows an image in training, ms."""
        return RESPONSE_MS

    @property
    def preprocessing(self) -> Preprocessing:
        """Turns pixels into the images that the network was trained on. Raises ValueError when it does not say."""
        return Preprocessing.of(self.metadata, self.spec)

    def description(self) -> dict[str, Any]:
        """The network without its weights, ready for JSON."""
        activation = {"name": self.activation.name, "slope": self.activation.slope}
        described = {"kind": "cordsnet", "spec": self.spec.to_dict(), "activation": activation}
        return described | {"metadata": self.metadata}

    @classmethod
    def from_description(cls, description: Mapping[str, Any], path: Path) -> "CordsNet":
        """The network that a description, read from `path`, describes. Raises CheckpointError when it does not fit."""
        if description["kind"] != "cordsnet":
            raise CheckpointError(f"{path} describes a {description['kind']}, no CordsNet; use cordsnet.load_model")
        try:
            model = cls(NetworkSpec.from_dict(description["spec"]), Activation(**description["activation"]))
        except (TypeError, KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(f"{path} does not describe a network: {error}") from error
        model.metadata = dict(description["metadata"])
        return model

    def save_pretrained(self, folder: str | Path) -> Path:
        """Write weights, description and, unless there is one already, a model card. Returns the folder."""
        folder = write_model(self, folder, self.description())
        if not (folder / "README.md").exists():
            write_model_card(folder, self.spec, self.metadata)
        return folder

    @classmethod
    def from_pretrained(cls, name: str | Path, *, revision: str | None = None, token: str | None = None) -> "CordsNet":
        """The network in a folder, or in the Hugging Face repository of that name; in evaluation mode.

        Parameters
        ----------
        name : folder that `save_pretrained` or `save_model` wrote, or "owner/name".
        revision : branch, tag or commit of the repository.
        token : for private repositories; None is the one that `hf auth login` stored.

        Raises
        ------
        CheckpointError : there is no such folder and the hub does not have it, or its content does not fit.
        """
        folder = Path(name) if Path(name).is_dir() else download(str(name), revision, token)
        return read_model(folder, cls.from_description)

    def push_to_hub(self, name: str, *, token: str | None = None, private: bool | None = None) -> str:
        """Put weights, description and model card into the Hugging Face repository "owner/name"; made if need be.

        The card is written anew. Returns the repository's address. Raises RunError when the hub cannot be reached or
        refuses.
        """

        def save(folder: str) -> None:
            write_model(self, folder, self.description())
            write_model_card(folder, self.spec, self.metadata, where=name)

        return upload(save, name, token, private)

    def circuit(self, precision: Precision | None = None) -> Circuit:
        """The network with its weights materialised, under the autograd graph when gradients are on."""
        precision, like = precision or Precision(), self.wiring.readout.bias
        tau: dict[str, float | Tensor] = {}
        for area in self.spec.areas:
            if isinstance(area.tau_ms, (int, float)):
                tau[area.name] = area.tau_ms
            else:
                per_unit, dtype = self._tau.get(area.name), precision.of_rates(like)
                tau[area.name] = self.spec.tau_ms if per_unit is None else per_unit.to(like.device, dtype)
        return build_circuit(self.spec, self.wiring, dict(self.bias.items()), tau, precision)

    def bind(self, dt: float, stepper: str, precision: Precision) -> RateSystem:
        """The network bound to `dt` (ms), a stepper and a precision; it begins from spontaneous activity."""
        circuit, bias = self.circuit(precision), self.wiring.readout.bias
        like, compute = bias.to(circuit.dtype), precision.of_convolutions(bias)
        identity = self.activation, compute, circuit.dtype
        equation = RateEquation(circuit, self.activation)
        return RateSystem(equation, dt, stepper, like, identity, compute, self.spontaneous)


def _tau_per_unit(spec: NetworkSpec, area: AreaSpec) -> Tensor:
    """tau of an area's units in ms, a map in double precision that broadcasts to [C, H, W]."""
    try:
        tau = torch.tensor(area.tau_ms, dtype=torch.float64, device="cpu")
    except ValueError as error:
        raise ValueError(f"tau_ms of {area.name!r} must be a regular array of numbers ({error})") from error
    if not bool((torch.isfinite(tau) & (tau > 0)).all()):
        raise ValueError(f"tau_ms of {area.name!r} must be finite and above 0 everywhere")
    shape = layout(spec).shapes[area.name]
    if tau.ndim != 3 or any(n not in (1, full) for n, full in zip(tau.shape, shape, strict=True)):
        raise ValueError(f"tau_ms of {area.name!r} must broadcast to {list(shape)}, got shape {list(tau.shape)}")
    return tau
