"""A stack of recurrent areas bound to the duration of a step."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from torch import Tensor
from torch.nn import functional

from cordsnet.dynamics.effects import NONE, Effects
from cordsnet.dynamics.precision import Precision
from cordsnet.dynamics.state import Signal, State
from cordsnet.dynamics.system import Inputs
from cordsnet.models.stack.spec import StackSpec
from cordsnet.models.stepped.layers import Conv, Layers, Watch
from cordsnet.models.stepped.system import SteppedSystem


@dataclass(frozen=True)
class Held:
    """Drive of area1 by the image, [parts, 1 or B, C, H, W]: without biases, and with them.

    `stem` are the stem's maps [1 or B, C, H, W]; None for a network without a stem.
    """

    fed: Tensor
    biased: Tensor
    stem: Tensor | None = None


class Cell:
    """Weights of one area as its steps use them; a subclass gives `update`.

    Attributes
    ----------
    parts : into how many parts of [B, C, H, W] falls what the area reads, such as one for every gate.
    input : convolution of what the area reads.
    bias : of every part, [parts, 1, C, 1, 1].

    Parameters
    ----------
    layers : of the model.
    name : of the area's module.
    pool : size and stride of a max pool of what the area reads; 1 for none.
    """

    parts: ClassVar[int]

    def __init__(self, layers: Layers, name: str, pool: int) -> None:
        self.pool = pool
        self.input: Conv = layers.convs[f"{name}.input"]
        self.bias = layers.tensor(f"{name}.bias").view(self.parts, 1, -1, 1, 1)

    def read(self, maps: Tensor) -> Tensor:
        """Compute what maps [B, C, H, W] bring to the area, [parts, B, C, H, W], without bias."""
        if self.pool > 1:
            maps = functional.max_pool2d(maps, self.pool, ceil_mode=True)
        return split(self.input(maps), self.parts)

    def update(
        self, area: str, loop: str, fed: Tensor, values: Mapping[str, Tensor], effects: Effects
    ) -> dict[str, Tensor]:
        """The area's signals one step later.

        Parameters
        ----------
        area, loop : names of the area and of its recurrent pathway.
        fed : what the area reads and its bias, [parts, 1 or B, C, H, W].
        values : all signals of the step before.
        effects : interventions.
        """
        raise NotImplementedError(f"{type(self).__name__} does not say what a step is")

    def emit(self, rate: Tensor) -> Tensor:
        """Give what the area above and the readout see of the rate [B, C, H, W]: the rate."""
        return rate


Bound = TypeVar("Bound", bound=Cell)


class StackSystem(SteppedSystem[Held], Generic[Bound]):
    """Areas are updated bottom to top in every step: an area reads what the one below has become.

    Attributes
    ----------
    cell_type : class of the areas' bound weights.
    kinds : kinds of the signals of every area, all of its shape.
    has_loops : True if every area has a recurrent pathway, such as "area1 -> area1".
    """

    unrolling = "sweep"
    cell_type: ClassVar[type[Cell]]
    kinds: ClassVar[tuple[str, ...]] = ("rate",)
    has_loops: ClassVar[bool] = True
    spec: StackSpec
    cells: dict[str, Bound]

    def __init__(self, model: Any, dt: float, precision: Precision, watch: Watch | None = None) -> None:
        super().__init__(model, dt, precision, watch)
        spec = self.spec
        self.signals = tuple(Signal(area, shape, kind) for area, shape in spec.shapes.items() for kind in self.kinds)
        chain = [f"{a} -> {b}" for a, b in zip(("image", *spec.areas), spec.areas, strict=False)]
        loops = [f"{area} -> {area}" for area in spec.areas]
        self.pathways = (*chain, *(loops if self.has_loops else ()))
        if spec.stem_channels:
            self.sources = (Signal("stem", (spec.stem_channels, *spec.encoded_size)),)
        pools = spec.strides if spec.downsampling == "pool" else (1,) * len(spec.areas)
        self.cells = {area: self.bind_cell(f"cells.{area}", pool) for area, pool in zip(spec.areas, pools, strict=True)}
        # (area, what it reads, its pathway, its recurrent pathway), so that no name is put together in a step
        self.order = list(zip(spec.areas, (None, *spec.areas[:-1]), chain, loops, strict=True))

    def bind_cell(self, name: str, pool: int) -> Bound:
        """The weights of one area as its steps use them."""
        return self.cell_type(self.layers, name, pool)  # type: ignore[return-value]

    def hold(self, inputs: Inputs) -> Held:
        """Compute what the image brings to area1; a blank field brings biases alone, for one trial."""
        cell, maps = self.cells[self.spec.areas[0]], None
        if "image" in inputs:
            maps = self._encode(self.image(inputs))
            fed = cell.read(maps)
        else:
            fed = self.like.new_zeros(cell.parts, 1, *self.spec.shapes[self.spec.areas[0]])
            if self.sources:
                maps = self.like.new_zeros(1, *self.sources[0].shape)
        return Held(fed, fed + cell.bias, maps if self.sources else None)

    def encoded(self, context: Held) -> dict[str, Tensor]:
        """The stem's maps."""
        return {} if context.stem is None else {"stem": context.stem}

    def advance(self, state: State, context: Held, effects: Effects = NONE) -> State:
        """One sweep, from the lowest area to the highest."""
        values: dict[str, Tensor] = {}
        for area, below, feedforward, loop in self.order:
            cell = self.cells[area]
            if below is None:
                brought = effects.pathway(feedforward, context.fed)
                fed = context.biased if brought is context.fed else brought + cell.bias
            else:
                maps = self.cells[below].emit(values[below])
                fed = effects.pathway(feedforward, cell.read(maps)) + cell.bias
            values |= cell.update(area, loop, fed, state.values, effects)
        return state.after(values)

    def read(self, state: State) -> dict[str, Tensor]:
        """Class scores [B, K] from the mean of every map that the highest area shows."""
        top = self.spec.areas[-1]
        return {"scores": self.layers.linear["decoder"](self.cells[top].emit(state.values[top]).mean((2, 3)))}

    def _encode(self, image: Tensor) -> Tensor:
        """Stem of an image: convolution, then average pool whose padding counts in the mean."""
        if not self.spec.stem_channels:
            return image
        return functional.avg_pool2d(self.layers.conv("stem", image), 3, stride=2, padding=1)


def split(maps: Tensor, parts: int) -> Tensor:
    """[B, parts C, H, W] as [parts, B, C, H, W], without copying."""
    batch, channels, *size = maps.shape
    return maps.view(batch, parts, channels // parts, *size).transpose(0, 1)
