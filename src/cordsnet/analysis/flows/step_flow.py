"""One step of any dynamical model as a map of all its signals, so that it can be analysed without a rate equation."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.analysis.exact import exact
from cordsnet.analysis.flows.flows import MapFlow
from cordsnet.analysis.networks.jacobians import one_trial
from cordsnet.dynamics import Simulable, State
from cordsnet.dynamics.simulate import check_model
from cordsnet.dynamics.system import Shown

LATE = 32
"""Steps after which a model is taken to be past its start: beyond the steps that batch norms and memories count."""


class StepFlow(MapFlow):
    """x -> F(x), one step of a model while an image is held; x has all its signals, cells and gates too, flat [units].

    Fixed points are states that a step does not change, and Lyapunov exponents are per step: divide by
    `model.clock.dt_ms` for 1/ms. A network with a rate equation has `NetworkFlow`, which knows its operators.

    Parameters
    ----------
    model : any dynamical model without delayed connections and without noise.
    image : [1, C, H, W] as the model reads it, or inputs by name, each of one trial; None is no input.
    step : number of the step; it must not matter from then on.

    Attributes
    ----------
    signals : name -> shape, in the order in which they lie in a state.

    Raises
    ------
    ValueError : more than one image, a static model, delays, noise, or a step that depends on its number.
    """

    @check_arguments
    def __init__(self, model: Simulable, image: Shown = None, step: int = LATE) -> None:
        check_model(model)
        check_count(step, "step", 1)
        with torch.no_grad():
            self.system = model.system()
        self.inputs, self.at = one_trial(model, image), self._start(step)
        self.signals = {signal.name: torch.Size(signal.shape) for signal in self.system.signals}
        self._held: tuple[int, Any] = (0, None)
        units = sum(shape.numel() for shape in self.signals.values())
        super().__init__(self._after, (units,), self.system.like.dtype, self.system.like.device)
        self._check_step(step)

    def pack(self, values: Mapping[str, Tensor]) -> Tensor:
        """{signal: [K, *shape]} as flat states [K, units]."""
        return torch.cat([values[name].flatten(1) for name in self.signals], 1)

    def unpack(self, x: Tensor) -> dict[str, Tensor]:
        """Flat states [K, units] as {signal: [K, *shape]}."""
        parts = torch.split(x, [shape.numel() for shape in self.signals.values()], dim=1)
        pairs = zip(self.signals.items(), parts, strict=True)
        return {name: part.reshape(-1, *shape) for (name, shape), part in pairs}

    @exact()
    def path(self, steps: int) -> Tensor:
        """States [steps + 1, units] from where the model begins, while the image is held."""
        state, context = self.system.begin(1), self._context(1)
        found = [self.pack(state.values)]
        for _ in range(steps):
            state = self.system.advance(state, context)
            found.append(self.pack(state.values))
        return torch.cat(found)

    def _after(self, x: Tensor) -> Tensor:
        state = replace(self.at, values=self.unpack(x))
        with sdpa_kernel(SDPBackend.MATH):  # the only attention that is differentiated forwards
            return self.pack(self.system.advance(state, self._context(len(x))).values)

    def _context(self, batch: int) -> Any:
        """The held image for this many states; kept, since an analysis asks for the same number again and again."""
        if self._held[0] != batch:
            shown = {name: one.expand(batch, *one.shape[1:]) for name, one in self.inputs.items()}
            with torch.no_grad():
                self._held = batch, self.system.hold(shown)
        return self._held[1]

    def _start(self, step: int) -> State:
        if self.system.clock.kind == "static":
            raise ValueError("model is static: it answers at once, and no step leads from state to state")
        if self.system.has_noise:
            raise ValueError("model has private noise, which is no part of a map; set its noise to 0")
        state = self.system.begin(1)
        if state.past:
            raise ValueError("model must have no delayed connections, whose state is more than signals; set them to 0")
        return replace(state, step=step)

    def _check_step(self, step: int) -> None:
        """Raise ValueError if the same state leads elsewhere at a later step."""
        state, context = self.system.begin(1), self._context(1)
        with torch.no_grad():
            for _ in range(2):  # away from zero, where little is seen of a difference
                state = self.system.advance(state, context)
            first, *later = (
                self.pack(self.system.advance(replace(state, step=number), context).values)
                for number in (step, step + 1, 2 * step + 1)
            )
        if not all(torch.equal(first, other) for other in later):
            raise ValueError(
                f"model does something else at each step, also after step {step}: it is no map that can be repeated"
            )
