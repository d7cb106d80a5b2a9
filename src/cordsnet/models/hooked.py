"""A network for tools that read activations by forward hooks: one module for each area."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cordsnet._arguments import check_init
from cordsnet._checks import check_positive
from cordsnet.dynamics import Hold, Record, Trajectory, integrate, start
from cordsnet.models.interface import IMAGE, SCORES, VisionModel


class Activity(nn.Module):
    """Passes the rates of an area on; hooks on it see them."""

    def forward(self, rates: Tensor) -> Tensor:
        """The rates [B, *shape], as they are."""
        return rates


@check_init
class HookedModel(nn.Module):
    """Shows images to a network and calls one module for each area with its rates at a stated time.

    Tools that read a network by `register_forward_hook` on modules by name (thingsvision, Brain-Score, captum) find the
    areas as `hooked.area1`, ... and the class scores as `hooked.scores`. After `at_ms` the simulation goes on
    from what the modules return, so that a hook that changes rates acts as an intervention at that time, and gradients
    from the scores to the rates of an area are those through time.

    Parameters
    ----------
    model : a model that reads images; its weights are shared, and its parameters are those of this module.
    at_ms : time at which the areas are read, ms after image onset; None is `ms`.
    ms : how long the image is shown before the scores are read; None is the model's own, `model.response_ms`.
    areas : which areas are read; None is all.

    Raises
    ------
    ValueError, TypeError : times that are not durations in which the model can be read, areas that are not there.
    """

    def __init__(
        self,
        model: VisionModel,
        at_ms: float | None = None,
        ms: float | None = None,
        areas: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(model, VisionModel):
            raise TypeError(f"model must be a model of cordsnet, got {type(model).__name__}")
        self.network = model
        self.ms = model.response_ms if ms is None else ms
        self.at_ms = self.ms if at_ms is None else at_ms
        check_positive(self.ms, "ms")
        check_positive(self.at_ms, "at_ms")
        if self.at_ms > self.ms:
            raise ValueError(f"at_ms must be at most ms = {self.ms:g} ms, when the scores are read, got {self.at_ms:g}")
        self.areas = tuple(model.areas if areas is None else areas)
        for area in self.areas:
            if area not in model.areas:
                raise ValueError(f"areas must be of {', '.join(model.areas)}, got {area!r}")
            if hasattr(self, area):
                raise ValueError(f"area {area!r} has the name of a part of HookedModel; leave it out of areas")
            self.add_module(area, Activity())
        self.scores = Activity()

    def forward(self, images: Tensor) -> Tensor:
        """Class scores [B, K] after `ms` of `images` [B, C, H, W]; the modules of the areas are called at `at_ms`."""
        self.network.check_inputs({IMAGE: images})
        system = self.network.system()
        first, steps = (system.clock.steps(ms, name) for ms, name in ((self.at_ms, "at_ms"), (self.ms, "ms")))
        if first < 1:
            raise ValueError(f"at_ms must be at least one step of {system.dt:g} ms, got {self.at_ms:g}")
        state = start(system, None, len(images))
        with torch.autocast(system.like.device.type, enabled=False):
            state = self._run(system, images, state, first).final_state
            state = state.with_values({area: self.get_submodule(area)(state.values[area]) for area in self.areas})
            if steps > first:
                state = self._run(system, images, state, steps - first).final_state
            scores: Tensor = self.scores(system.read(state)[SCORES])
        return scores

    @staticmethod
    def _run(system: object, images: Tensor, state: object, steps: int) -> Trajectory:
        nothing = Record(times_ms=(), outputs=())
        return integrate(system, [Hold(steps, {IMAGE: images})], state, nothing, steps)  # type: ignore[arg-type]
