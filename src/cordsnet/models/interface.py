"""The one interface that every vision model answers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from cordsnet._checks import check_count, check_images
from cordsnet.dynamics import (
    Clock,
    Hold,
    Precision,
    RateSystem,
    Record,
    State,
    System,
    integrate,
    relax,
    start,
    with_lesions,
)
from cordsnet.dynamics.system import by_name
from cordsnet.dynamics.transforms import in_transform
from cordsnet.models.changed import check_computable, refresh, refuse_vmap
from cordsnet.models.preprocessing import warn_of_range
from cordsnet.models.saving import SavedModel

IMAGE = "image"
"""Name of the input that holds images [B, C, H, W]."""

SCORES = "scores"
"""Name of the output that holds class scores [B, K]."""


class VisionModel(SavedModel, ABC):
    """A model that sees and evolves in time.

    Subclasses say what they read, what their areas are, how their clock runs, and how they are bound to a time step
    (`bind`); everything else, from streaming to lesions, follows from that.

    Attributes
    ----------
    spec : the network as frozen plain data.
    """

    spec: Any

    def __init__(self) -> None:
        super().__init__()
        self._resting: tuple[Any, list[Tensor], State] | None = None
        self._range_was_noticed = False

    @property
    @abstractmethod
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Area -> shape of its rates without the batch axis, lowest area first."""

    @property
    def inputs(self) -> Mapping[str, tuple[int, ...]]:
        """Input -> shape of its values without the batch axis; images are called "image", [C, H, W].

        A model that reads images alone need not override it: sizes are those of the spec.
        """
        return {IMAGE: (self.spec.in_channels, *self.spec.image_size)}

    @property
    def outputs(self) -> Mapping[str, tuple[str, ...]]:
        """Output -> names of its axes; class scores are called "scores", and are the only output by default."""
        return {SCORES: ("class",)}

    @property
    @abstractmethod
    def clock(self) -> Clock:
        """The clock with the model's own step."""

    @property
    @abstractmethod
    def response_ms(self) -> float:
        """Time for which inputs are held before the model is read, where nothing else is said, ms."""

    @abstractmethod
    def bind(self, dt: float, stepper: str, precision: Precision) -> System[Any]:
        """The model bound to a step of `dt` ms, a stepper and a precision, with its weights materialised.

        `stepper` is meant for models in continuous time. Raises ValueError, naming the culprit, when `dt` cannot
        represent the model.
        """

    @property
    def num_classes(self) -> int:
        """Number of class scores. Raises ValueError for a model without scores."""
        classes = getattr(self.spec, "num_classes", None)
        if classes is None:
            raise ValueError(f"{type(self).__name__} has no class scores; its outputs are {', '.join(self.outputs)}")
        return int(classes)

    @property
    def timing(self) -> str:
        """Kind of clock and time step, in words."""
        words = {"continuous": "continuous time, step", "steps": "steps that stand for", "static": "static, step"}
        return f"{words[self.clock.kind]} {self.dt_ms:g} ms"

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """[C, H, W] of the images it reads. Raises ValueError for a model that reads none."""
        if IMAGE not in self.inputs:
            raise ValueError(f"{type(self).__name__} reads {', '.join(self.inputs)} and no images")
        channels, height, width = self.inputs[IMAGE]
        return channels, height, width

    @property
    def dt_ms(self) -> float:
        """Step used where none is given, ms."""
        return self.clock.dt_ms

    @property
    def areas(self) -> tuple[str, ...]:
        """Names of the areas, lowest first."""
        return tuple(self.shapes)

    @property
    def like(self) -> Tensor:
        """A parameter, for device and dtype. Raises ValueError for a model without any."""
        found = next(self.parameters(), None)
        if found is None:
            found = next(iter(getattr(self, "_former_parameters", {}).values()), None)
        if found is None:
            raise ValueError(f"{type(self).__name__} has no parameters, so its device and precision are unknown")
        return found

    @property
    def uncalled_modules(self) -> tuple[str, ...]:
        """Modules that hold weights and are never called, by the beginning of their names; hooks there are refused."""
        return ()

    def system(
        self, dt: float | None = None, stepper: str = "euler", precision: Precision | None = None
    ) -> System[Any]:
        """The model as the engines run it, without the parts that it has lost.

        Parameters and errors are those of `bind`; None takes the model's own step and precision.
        """
        if self.clock.kind != "continuous" and stepper != "euler":
            raise ValueError(f"stepper {stepper!r} needs a model in continuous time; leave it out for {self.kind!r}")
        if self.clock.kind == "steps" and dt is not None and dt != self.dt_ms:
            field = "ms_per_step" if hasattr(self.spec, "ms_per_step") else "dt_ms"
            raise ValueError(
                f"dt = {dt!r} needs a model in continuous time; a step of {self.kind!r} is {self.dt_ms:g} ms by "
                f"convention, which create_model(..., {field}=...) or model.{field} = ... changes"
            )
        refresh(self)
        check_computable(self, self.like)
        system = self.bind(self.dt_ms if dt is None else dt, stepper, precision or Precision())
        return with_lesions(system, self.lesions) if self.lesions else system

    def check_inputs(self, inputs: Mapping[str, Tensor]) -> None:
        """Raise TypeError or ValueError, naming what came and what would do, unless the model can read `inputs`."""
        sizes = {name: len(values) for name, values in inputs.items() if isinstance(values, Tensor) and values.ndim}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"inputs must have the same number of trials, got {sizes}")
        for name, values in inputs.items():
            if name not in self.inputs:
                raise ValueError(f"input {name!r} is unknown to this model; it reads {', '.join(self.inputs)}")
            if name == IMAGE:
                self.check_input(values)
            elif not isinstance(values, Tensor) or values.dtype != self.like.dtype:
                raise TypeError(f"input {name!r} must be a tensor of {self.like.dtype}, got {_kind(values)}")
            elif tuple(values.shape[1:]) != tuple(self.inputs[name]):
                wanted = ", ".join(map(str, ("B", *self.inputs[name])))
                raise ValueError(f"input {name!r} must have the shape [{wanted}], got {list(values.shape)}")
            elif not bool(torch.isfinite(values).all()):
                raise ValueError(f"input {name!r} holds NaN or infinite values")

    def check_input(self, images: Tensor) -> None:
        """As `check_inputs`, for images [B, C, H, W].

        Gives a DataWarning, once per model, for images that were not normalised as those of training were.
        """
        refuse_vmap()
        channels, *size = self.input_shape
        check_images(images, channels=channels, size=size, dtype=self.like.dtype)
        if not self._range_was_noticed:
            self._range_was_noticed = warn_of_range(self.metadata, images)

    def initial_state(self, batch: int, dt: float | None = None, seed: int = 0) -> State:
        """The state before anything has happened, all signals at zero, for streaming with `step`."""
        return self.system(dt).zero_state(check_count(batch, "batch", 1), seed)

    def step(self, state: State, inputs: Tensor | Mapping[str, Tensor] | None, dt: float | None = None) -> State:
        """The state one step later, with images [B, C, H, W], or inputs by name, shown meanwhile (None: blank).

        Materialises the weights at each call; a long stream is faster with `system = model.system()`,
        then `system.hold(inputs)` per frame and `system.advance(state, held)` per step.
        """
        given = by_name(inputs)
        self.check_inputs(given)
        system = self.system(dt)
        state = system.admit(state)
        for name, values in given.items():
            if len(values) != state.batch:
                raise ValueError(
                    f"state holds {state.batch} trials but {name} shows {len(values)}; give as many as there are trials"
                )
        with torch.autocast(system.like.device.type, enabled=False):  # as in simulate: the system converts by itself
            return system.advance(state, system.hold(given))

    def read(self, state: State) -> dict[str, Tensor]:
        """Output -> its values [B, ...] at `state`."""
        system = self.system()
        with torch.autocast(system.like.device.type, enabled=False):
            return system.read(system.admit(state))

    def readout(self, state: State) -> Tensor:
        """Class scores [B, K] at `state`. Raises ValueError for a model without scores."""
        if SCORES not in self.outputs:
            raise ValueError(f"{type(self).__name__} has no class scores; read its outputs {', '.join(self.outputs)}")
        return self.read(state)[SCORES]

    def forward(self, inputs: Tensor | Mapping[str, Tensor], ms: float | None = None) -> Any:
        """Outputs after `ms` of steady inputs (None: `response_ms`), from the model's own start.

        Parameters
        ----------
        inputs : images [B, C, H, W], or values by name.
        ms : how long they are held.

        Returns
        -------
        Class scores [B, K]; for a model with other outputs, all of them by name.
        """
        given = by_name(inputs)
        self.check_inputs(given)
        system = self.system()
        steps = system.clock.steps(self.response_ms if ms is None else ms, "ms")
        if steps < 1:
            raise ValueError(f"ms must be at least one step of {system.dt:g} ms, got {ms}")
        state = start(system, None, len(next(iter(given.values()))))
        at_end = Record(times_ms=(system.clock.time_ms(steps),))
        found = {k: v[-1] for k, v in integrate(system, [Hold(steps, given)], state, at_end, steps).outputs.items()}
        return found[SCORES] if set(found) == {SCORES} else found

    def spontaneous(self, system: RateSystem) -> State:
        """Spontaneous activity under `system`, one trial; computed once and kept while nothing it depends on changes.

        What it depends on is compared tensor by tensor, so that a change of weights is noticed however it was made.
        Under a transform of `torch.func` it is computed anew, and is a constant.
        """
        if in_transform():
            return relax(system).detach()
        key = (self.spec, system.clock, system.stepper, system.identity, self.like.device)
        tensors = [*self.parameters(), *self.buffers()]
        if self._resting is None or self._resting[0] != key or not _equal(self._resting[1], tensors):
            with torch.inference_mode(False), torch.no_grad():
                self._resting = key, [tensor.detach().clone() for tensor in tensors], relax(system)
        return self._resting[2].clone()

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse parameters and modules whose name would hide a part of the interface, or be hidden by it."""
        if isinstance(value, nn.Module | nn.Parameter) and hasattr(VisionModel, name):
            raise ValueError(f"{name!r} is a name of VisionModel itself; call the parameter or module something else")
        super().__setattr__(name, value)

    def _times(self) -> str:
        """Time constants and step, in short."""
        taus = {name: getattr(self.spec, name) for name in getattr(self.spec, "__dataclass_fields__", ())}
        words = [
            f"{name.removesuffix('_ms')} {tau:g} ms" for name, tau in taus.items() if name.endswith("tau_ms") and tau
        ]
        return ", ".join([*words, f"dt {self.dt_ms:g} ms"]) if self.clock.kind == "continuous" else self.timing

    def __repr__(self) -> str:
        """Name, sizes and times in a few lines; modules are in `named_modules()`."""
        areas = "\n".join(f"  {name} {list(shape)}" for name, shape in self.shapes.items())
        inputs = ", ".join(f"{name} {list(shape)}" for name, shape in self.inputs.items())
        classes = f", {self.num_classes} classes" if SCORES in self.outputs else f", outputs {', '.join(self.outputs)}"
        lost = f"\n  lesions: {', '.join(one.target for one in self.lesions)}" if self.lesions else ""
        count = sum(parameter.numel() for parameter in self.parameters())
        name = getattr(self.spec, "name", "")
        return (
            f"{type(self).__name__} {name!r}: {self._times()}; {inputs}{classes}, {count:,} parameters\n{areas}{lost}"
        )

    def __getstate__(self) -> dict[str, Any]:
        """Everything but what is kept to save time."""
        return {**self.__dict__, "_resting": None}


def _equal(kept: list[Tensor], tensors: list[Tensor]) -> bool:
    return len(kept) == len(tensors) and all(
        one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other)
        for one, other in zip(kept, tensors, strict=True)
    )


def _kind(values: object) -> str:
    return str(values.dtype) if isinstance(values, Tensor) else type(values).__name__
