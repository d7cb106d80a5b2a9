"""A visual front end of any kind, and vector areas that read it."""

import copy
import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from cordsnet.dynamics import Clock, Lesion, Precision, RateSystem, System, with_lesions
from cordsnet.dynamics.steppers import STEPPERS, Relaxation
from cordsnet.models.capabilities import Calibrated, HasTops
from cordsnet.models.interface import VisionModel
from cordsnet.models.kernels import seeded
from cordsnet.models.multi_area.front import frames, front_of, set_times
from cordsnet.models.multi_area.spec import MultiAreaSpec, options_between
from cordsnet.models.multi_area.system import MultiAreaSystem, VectorArea
from cordsnet.models.parts import clock_field, keeps_statistics
from cordsnet.models.preprocessing import Preprocessing
from cordsnet.models.table import KINDS, MODELS
from cordsnet.models.timed import TimedModel

Model = TypeVar("Model", bound="MultiArea")


class MultiArea(TimedModel):
    """A front end `front`, any model of images, and vector areas tau dr/dt = -r + relu(W r + F s + b + noise).

    The source s of the first vector area is an area of the front end, its maps pooled or flattened, or several one
    after the other; that of each other is the vector area before it. All of them read the rates of the step before. The
    network class is that of Soo et al. (NeurIPS 2024, figure 5): a CordsNet and a recurrent network with the properties
    of prefrontal cortex that learn tasks from movies; the vector areas are those of Yang et al. (2019).

    `shapes` has the areas of the front end, [C, H, W], under their own names, and [N] for vector areas. Outputs are
    linear in the last area. The network starts as its front end does, with zero rates in the vector areas. The readout
    that the front end brings is kept, and neither used nor trained.

    Parameters
    ----------
    spec : the network as data.
    front : the front end, which becomes part of the network; None makes it as the spec says.
    """

    kind = "multi_area"
    spec_type = MultiAreaSpec
    about = "A visual front end of any kind, and vector areas with time constants and noise of their own that read it."
    spec: MultiAreaSpec
    front: VisionModel

    def __init__(self, spec: MultiAreaSpec, front: VisionModel | None = None) -> None:
        super().__init__()
        self.spec = spec
        self._adopt(front_of(spec) if front is None else front)
        read = sum(self._reads_of(top) for top in self.read_areas)
        into, within, bias = {}, {}, {}
        for name, units, _ in spec.areas:
            into[name] = _normal(units, read, gain=math.sqrt(2))
            within[name] = _normal(units, units, gain=0.9)
            bias[name], read = torch.zeros(units), units
        self.into, self.within = nn.ParameterDict(into), nn.ParameterDict(within)
        self.head = nn.ParameterDict({name: _normal(size, read, gain=1.0) for name, _, size in spec.outputs})
        if spec.feedback:
            self.back = nn.Parameter(_normal(self.front.shapes[self.top][0], read, gain=0.5))
        self.bias = nn.ParameterDict(bias | {name: torch.zeros(size) for name, _, size in spec.outputs})
        self.train(self.training)

    @classmethod
    def from_front(cls: type[Model], front: VisionModel, *, seed: int = 0, **options: Any) -> Model:
        """A network around a copy of a trained front end, which keeps its weights, lesions and preprocessing.

        Parameters
        ----------
        front : a model of images made from a row of the table.
        seed : of the weights of the vector areas.
        options : fields of `MultiAreaSpec`, but for what the front end says itself: its row, options, sizes and, unless
            given, step.

        Raises
        ------
        ValueError : the front end is not made from a row, or options do not fit it.
        """
        name = getattr(front.spec, "name", "")
        if name not in MODELS:
            raise ValueError(f"front must be made from a row of the table of models, got one called {name!r}")
        pairs = options_between(MODELS[name].spec, front.spec)
        if said := sorted({"front", "front_options", "front_weights", "image_size", "in_channels"} & set(options)):
            raise ValueError(f"from_front takes {said[0]} from the front end; leave it out")
        channels, *size = front.input_shape
        fields = {"name": f"{name}_and_areas", "dt_ms": front.dt_ms, **options}
        spec = MultiAreaSpec(
            front=name, front_options=pairs, image_size=(size[0], size[1]), in_channels=channels, **fields
        )
        made = seeded(lambda: cls(spec), seed).to(front.like)
        return made.take(front)

    def take(self: Model, front: VisionModel) -> Model:
        """Put a copy of a trained front end of the same kind and areas in the place of the network's own.

        What it has lost is lost here too; what its metadata say of the images that it was trained on is kept here.
        Raises ValueError for a front end of another kind, or of other areas or images.
        """
        own = self.front
        if front.kind != own.kind or dict(front.shapes) != dict(own.shapes) or dict(front.inputs) != dict(own.inputs):
            raise ValueError(
                f"front must be a {own.kind!r} with areas and images as this network's, got "
                f"{getattr(front.spec, 'name', front.kind)!r}"
            )
        self._adopt(copy.deepcopy(front).to(self.like))
        return self.train(self.training)

    def _adopt(self, front: VisionModel) -> None:
        """Make a model the front end, with the step of the whole network; lesions are then this network's."""
        set_times(front, self.spec.front_spec)
        self.front = front
        self._check_front()
        self.lesions, front.lesions = tuple(dict.fromkeys((*self.lesions, *front.lesions))), ()
        if "data" in front.metadata:
            self.metadata["data"] = {k: v for k, v in copy.deepcopy(front.metadata["data"]).items() if k != "classes"}
        if self.frozen:
            front.requires_grad_(False)

    def _check_front(self) -> None:
        """Raise ValueError unless the front end has what the spec reads, and areas of other names than vector areas."""
        spec, front = self.spec, self.front
        if absent := [name for name in self.read_areas if name not in front.shapes]:
            raise ValueError(f"read_area must be one of {', '.join(front.areas)} of the front, got {absent[0]!r}")
        if both := [name for name, *_ in spec.areas if name in front.shapes]:
            raise ValueError(f"areas: {both[0]!r} is an area of front {spec.front!r} already; give it another name")
        if front.clock.kind == "steps" and front.dt_ms != spec.dt_ms:
            raise ValueError(
                f"dt_ms = {spec.dt_ms:g} does not fit the clock of front {spec.front!r}, a step of which is "
                f"{front.dt_ms:g} ms; give dt_ms = {front.dt_ms:g}"
            )
        if spec.feedback and len(self.read_areas) > 1:
            raise ValueError(f"feedback needs one read_area, to which it goes; got {', '.join(self.read_areas)}")
        if spec.feedback and not front.like.is_meta:
            with torch.no_grad():
                is_equation = isinstance(front.system(), RateSystem)
            if not is_equation or len(front.shapes[self.top]) != 3:
                raise ValueError(f"feedback needs a front end that is a rate equation of maps, got {spec.front!r}")

    @property
    def read_areas(self) -> tuple[str, ...]:
        """Areas of the front end that the first vector area reads."""
        said = self.spec.read_area
        if said:
            return (said,) if isinstance(said, str) else said
        return self.front.tops if isinstance(self.front, HasTops) else self.front.areas[-1:]

    @property
    def top(self) -> str:
        """The last of the areas that the first vector area reads."""
        return self.read_areas[-1]

    def _reads_of(self, area: str) -> int:
        """Length of what the first vector area reads of an area of the front end."""
        shape = self.front.shapes[area]
        return math.prod(shape) if self.spec.reads == "flatten" else shape[0]

    @property
    def frozen(self) -> bool:
        """True if the front end is not trained."""
        return self.spec.train_front == "frozen"

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Areas of the front end, then vector areas."""
        return {**self.front.shapes, **{name: (units,) for name, units, _ in self.spec.areas}}

    @property
    def inputs(self) -> Mapping[str, tuple[int, ...]]:
        """Inputs of the front end."""
        return self.front.inputs

    @property
    def outputs(self) -> dict[str, tuple[str, ...]]:
        """Outputs of the spec."""
        return {name: (axis,) for name, axis, _ in self.spec.outputs}

    @property
    def preprocessing(self) -> Preprocessing:
        """Turns pixels into the images that the network, or its front end before, was trained on; without classes.

        Raises AttributeError, so that `hasattr` answers, when the metadata does not say how they were normalised.
        """
        data = self.metadata.get("data", {})
        mean, std = (tuple(data.get(name, ())) for name in ("mean", "std"))
        if not len(mean) == len(std) == self.spec.in_channels:
            raise self._no_preprocessing()
        return Preprocessing(self.spec.image_size, mean, std, tuple(data.get("classes", ())))

    @property
    def clock(self) -> Clock:
        """Steps where the front end has steps, else continuous time."""
        return Clock(self.spec.dt_ms, "steps" if self.front.clock.kind == "steps" else "continuous")

    @property
    def timing(self) -> str:
        """Time step and time constants, in words."""
        taus = ", ".join(f"{name} {tau:g} ms" for name, _, tau in self.spec.areas)
        return f"{super().timing}; time constants: {taus}; front end: {self.front.timing}"

    @property
    def uncalled_modules(self) -> tuple[str, ...]:
        """Weights of vector areas, and what the front end does not call."""
        return ("into", "within", "head", "bias", *(f"front.{name}" for name in self.front.uncalled_modules))

    def __setattr__(self, name: str, value: Any) -> None:
        """As every model; the step is that of the front end too."""
        super().__setattr__(name, value)
        if name == "dt_ms":
            setattr(self.front, clock_field(self.front.spec), self.spec.dt_ms)

    def train(self: Model, mode: bool = True) -> Model:
        """As every module; batch norms that nothing measures after training stay in evaluation mode."""
        super().train(mode)
        if self.frozen or keeps_statistics(self.front):
            self.front.eval()
        return self

    def calibrate(self, batches: Iterable[Tensor]) -> None:
        """Measure the batch norms of a front end that is trained, as its own `calibrate` does.

        Frames of movies [T, B, C, H, W] are measured as images of their own. A front end that is frozen, or has nothing
        to measure, stays as it is.
        """
        front = self.front
        if self.frozen or not isinstance(front, Calibrated):
            return
        front.lesions = self._lesions_of_front(front.system())
        try:
            front.calibrate(frames(batches))
        finally:
            front.lesions = ()

    def bind(self, dt: float, stepper: str, precision: Precision) -> MultiAreaSystem:
        """The network with steps of `dt` ms.

        Raises ValueError for steppers that need more than one evaluation in a step, for a step that is too coarse for a
        time constant, and for what the front end refuses.
        """
        how = STEPPERS[stepper]
        if not isinstance(how, Relaxation):
            raise ValueError(f"stepper must be 'euler' or 'exponential_euler' for {self.kind!r}, got {stepper!r}")
        for name, _, tau in self.spec.areas:
            if dt >= how.limit * tau:
                raise ValueError(f"dt must be below {how.limit * tau:g} ms for {name!r}, got {dt:g} ms")
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            whole = self.front.system(dt, stepper if self.front.clock.kind == "continuous" else "euler", precision)
            lost = self._lesions_of_front(whole)
            front = with_lesions(whole, lost) if lost else whole
        shares = {name: float(how.share(dt, tau)) for name, _, tau in self.spec.areas}
        vectors = self._vector_areas(front, shares)
        return MultiAreaSystem(self, front, Clock(dt, self.clock.kind), vectors, whole.pathways)

    def _vector_areas(self, front: System[Any], shares: Mapping[str, float]) -> tuple[VectorArea, ...]:
        """Vector areas with their weights in the precision of the rates."""
        dtype, sources, found = front.like.dtype, self.read_areas, []
        sizes = [self._reads_of(top) for top in self.read_areas]
        for number, (name, units, _) in enumerate(self.spec.areas, start=len(front.areas)):
            kept = 1 - shares[name]
            strength = self.spec.noise * math.sqrt((1 + kept) / (1 - kept))
            into = self.into[name].to(dtype).split(sizes, 1) if len(sizes) > 1 else (self.into[name].to(dtype),)
            weights = (into, self.within[name].to(dtype), self.bias[name].to(dtype))
            found.append(VectorArea(name, sources, units, *weights, shares[name], strength, number))
            sources, sizes = (name,), [units]
        return tuple(found)

    def _lesions_of_front(self, front: System[Any]) -> tuple[Lesion, ...]:
        """Lesions of areas and pathways of the front end."""
        return tuple(one for one in self.lesions if one.target in front.areas or one.target in front.pathways)

    def description(self) -> dict[str, Any]:
        """The network without its weights, ready for JSON; what the front end has lost is written as lost here."""
        lost = tuple(dict.fromkeys((*self.lesions, *self.front.lesions)))
        described = super().description() | {"front": self.front.description()}
        return described | ({"lesions": [one.to_dict() for one in lost]} if lost else {})

    @classmethod
    def from_described(cls, description: Mapping[str, Any]) -> "MultiArea":
        """A network from its description; the weights are read into it afterwards."""
        said = description["front"]
        front: VisionModel = KINDS[said["kind"]].from_described(said)
        front.metadata = dict(said["metadata"])
        return cls(cls.spec_type.from_dict(description["spec"]), front)


def _normal(*shape: int, gain: float) -> Tensor:
    """Normal numbers with standard deviation gain / sqrt(fan in)."""
    return torch.randn(*shape) * gain / math.sqrt(math.prod(shape[1:]))
