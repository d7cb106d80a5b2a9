"""Models of images side by side, as one model."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

from cordsnet.dynamics import Clock, Precision
from cordsnet.models.capabilities import Calibrated, HasTops
from cordsnet.models.interface import SCORES, VisionModel
from cordsnet.models.parts import clock_field, keeps_statistics
from cordsnet.models.streams.spec import StreamsSpec
from cordsnet.models.streams.system import Stream, StreamsSystem
from cordsnet.models.table import KINDS, MODELS
from cordsnet.models.timed import TimedModel

Model = TypeVar("Model", bound="Streams")


class Streams(TimedModel):
    """Models of images that see the same images side by side, such as one for form and one for motion.

    Streams do not hear of one another. Areas and pathways of a stream have its name before them: "area1" of "form" is
    "form_area1". Scores are the mean of those of the streams. The two streams of the visual system, of which one knows
    objects and the other motion and places, are those of Ungerleider & Mishkin (1982).

    Parameters
    ----------
    spec : the network as data.
    models : stream -> its model, which becomes part of the network; None makes them as the spec says.

    Attributes
    ----------
    models : stream -> its model.
    """

    kind = "streams"
    spec_type = StreamsSpec
    about = "Models of images side by side, such as a stream for form and one for motion."
    spec: StreamsSpec

    def __init__(self, spec: StreamsSpec, models: Mapping[str, VisionModel] | None = None) -> None:
        super().__init__()
        self.spec = spec
        if models is None:
            specs = spec.stream_specs
            models = {name: KINDS[MODELS[row].kind](specs[name]) for name, row, _ in spec.streams}
        self.models = nn.ModuleDict(dict(models))
        if len(self.shapes) < sum(len(model.areas) for _, model in self._named()):
            raise ValueError(f"streams must give areas names of their own, got {', '.join(self.models)}")
        self.train(self.training)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Areas of all streams, one stream after the other."""
        return {f"{name}_{area}": shape for name, model in self._named() for area, shape in model.shapes.items()}

    @property
    def tops(self) -> tuple[str, ...]:
        """The highest area of every stream."""
        return tuple(f"{name}_{area}" for name, model in self._named() for area in _tops(model))

    @property
    def clock(self) -> Clock:
        """Steps where a stream has steps, static where all are, else continuous time."""
        kinds = {model.clock.kind for _, model in self._named()}
        return Clock(self.spec.dt_ms, "steps" if "steps" in kinds else kinds.pop() if len(kinds) == 1 else "continuous")

    @property
    def timing(self) -> str:
        """Time steps of all streams, in words."""
        return "; ".join((super().timing, *(f"{name}: {model.timing}" for name, model in self._named())))

    @property
    def uncalled_modules(self) -> tuple[str, ...]:
        """Modules that the streams do not call."""
        return tuple(f"models.{name}.{part}" for name, model in self._named() for part in model.uncalled_modules)

    def __setattr__(self, name: str, value: Any) -> None:
        """As every model; the step is that of all streams too."""
        super().__setattr__(name, value)
        if name == "dt_ms":
            for _, model in self._named():
                setattr(model, clock_field(model.spec), self.spec.dt_ms)

    def train(self: Model, mode: bool = True) -> Model:
        """As every module; batch norms that nothing measures after training stay in evaluation mode."""
        super().train(mode)
        for _, model in self._named():
            if keeps_statistics(model):
                model.eval()
        return self

    def calibrate(self, batches: Iterable[Tensor]) -> None:
        """Measure the batch norms of every stream that can, as its own `calibrate` does."""
        measured = [(name, model) for name, model in self._named() if isinstance(model, Calibrated)]
        kept = list(batches) if len(measured) > 1 else batches
        for name, model in measured:
            model.lesions = Stream(name, 0, model.system(), tuple(model.inputs)).lesions(self.lesions)
            try:
                model.calibrate(kept)
            finally:
                model.lesions = ()

    def bind(self, dt: float, stepper: str, precision: Precision) -> StreamsSystem:
        """The network with steps of `dt` ms; raises ValueError for what a stream refuses."""
        streams = [
            Stream(
                name,
                number,
                model.system(dt, stepper if model.clock.kind == "continuous" else "euler", precision),
                tuple(model.inputs),
            )
            for number, (name, model) in enumerate(self._named())
        ]
        return StreamsSystem(streams, Clock(dt, self.clock.kind), {SCORES: ("class",)})

    def description(self) -> dict[str, Any]:
        """The network without its weights, ready for JSON."""
        return super().description() | {"streams": {name: model.description() for name, model in self._named()}}

    @classmethod
    def from_described(cls, description: Mapping[str, Any]) -> "Streams":
        """A network from its description; the weights are read into it afterwards."""
        models: dict[str, VisionModel] = {}
        for name, said in description["streams"].items():
            models[name] = KINDS[said["kind"]].from_described(said)
            models[name].metadata = dict(said["metadata"])
        return cls(cls.spec_type.from_dict(description["spec"]), models)

    def _named(self) -> list[tuple[str, VisionModel]]:
        """Streams with their models."""
        found: Any = self.models.items()
        return list(found)


def _tops(model: VisionModel) -> tuple[str, ...]:
    return model.tops if isinstance(model, HasTops) else model.areas[-1:]
