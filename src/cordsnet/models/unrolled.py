"""A network as an ordinary torch module whose areas are called at every step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from cordsnet._arguments import check_arguments, check_init
from cordsnet._checks import check_positive
from cordsnet.dynamics import Effects, start
from cordsnet.models.hooked import Activity
from cordsnet.models.interface import IMAGE, SCORES, VisionModel


@dataclass(frozen=True)
class Passing(Effects):
    """Effects that pass every new rate through the module of its area, before anything reads it."""

    modules: Mapping[str, nn.Module] = field(default_factory=dict)
    trials: int = 1

    def __bool__(self) -> bool:
        return True

    def __and__(self, other: Effects) -> Effects:
        return self._passing(super().__and__(other))

    def __rand__(self, other: Effects) -> Effects:  # asked first where the other one is a plain Effects
        return self._passing(Effects.__and__(other, self))

    def of_part(self, areas: Mapping[str, str], pathways: Mapping[str, str]) -> "Passing":
        """Effects on a part of a system, with the modules of its areas."""
        own = {name: self.modules[whole] for name, whole in areas.items() if whole in self.modules}
        return replace(self._passing(super().of_part(areas, pathways)), modules=own)

    def _passing(self, both: Effects) -> "Passing":
        return Passing(both.currents, both.clamps, both.factors, both.seen, self.modules, self.trials)

    def rate(self, area: str, rate: Tensor) -> Tensor:
        """Return what the module of the area makes of its new rate."""
        rate, module = super().rate(area, rate), self.modules.get(area)
        if module is None:
            return rate
        found: Tensor = module(rate.expand(self.trials, *rate.shape[1:]))  # a blank field has one trial for all
        return super().rate(area, found)  # what is lesioned stays silent, whatever a hook returns


@check_init
class UnrolledModel(nn.Module):
    """A network unrolled in time: an ordinary module from images [B, C, H, W] to class scores [B, K].

    Each area is a module, `unrolled.area1` and so on, that is called with the new rates of its area at every step, and
    in models that iterate within a step at every iteration; the scores are passed through `unrolled.scores` once, at
    the end. What a hook returns in place of the rates is what all others read.

    Parameters
    ----------
    model : a model that reads images; its weights are shared, and its parameters are those of this module.
    ms : how long the image is shown before the scores are read; None is the model's own, `model.response_ms`.
    areas : which areas have modules; None is all.

    Raises
    ------
    ValueError, TypeError : durations in which the model cannot be read, areas that are not there, a model without class
        scores or with other inputs than images.
    """

    def __init__(self, model: VisionModel, ms: float | None = None, areas: Sequence[str] | None = None) -> None:
        super().__init__()
        if SCORES not in model.outputs or set(model.inputs) != {IMAGE}:
            raise ValueError(
                f"model must read images alone and have class scores, got one that reads {', '.join(model.inputs)} and "
                f"has the outputs {', '.join(model.outputs)}"
            )
        self.network = model
        self.ms = model.response_ms if ms is None else ms
        check_positive(self.ms, "ms")
        for area in model.areas if areas is None else areas:
            if area not in model.areas:
                raise ValueError(f"areas must be of {', '.join(model.areas)}, got {area!r}")
            if hasattr(self, area):
                raise ValueError(f"area {area!r} has the name of a part of UnrolledModel; leave it out of areas")
            self.add_module(area, Activity())
        self.areas = tuple(model.areas if areas is None else areas)
        self.scores = Activity()

    def forward(self, images: Tensor) -> Tensor:
        """Class scores [B, K] after `ms` of `images` [B, C, H, W]."""
        self.network.check_inputs({IMAGE: images})
        system = self.network.system()
        steps = system.clock.steps(self.ms, "ms")
        if steps < 1:
            raise ValueError(f"ms must be at least one step of {system.dt:g} ms, got {self.ms:g}")
        passing = Passing(modules={area: self.get_submodule(area) for area in self.areas}, trials=len(images))
        with torch.autocast(system.like.device.type, enabled=False):
            state, context = start(system, None, len(images)), system.hold({IMAGE: images})
            for _ in range(steps):
                state = system.advance(state, context, passing)
            scores: Tensor = self.scores(system.read(state)[SCORES])
        return scores


@check_arguments
def to_torch_module(model: VisionModel, ms: float | None = None, areas: Sequence[str] | None = None) -> UnrolledModel:
    """Unroll a network in time into an ordinary torch module whose areas are modules, called at every step.

    Parameters and errors are those of `UnrolledModel`.
    """
    return UnrolledModel(model, ms, areas)
