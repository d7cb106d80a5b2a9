"""One step of a network as a program that other runtimes can run."""

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count
from cordsnet.dynamics import State, System
from cordsnet.dynamics.limits import check_room
from cordsnet.models.interface import IMAGE, VisionModel


class Step(nn.Module):
    """One step of a bound network: signals and an image in, signals and outputs out, as dictionaries of tensors."""

    def __init__(self, system: System[Any], step: int) -> None:
        super().__init__()
        self.system, self.step = system, step

    def forward(self, signals: dict[str, Tensor], image: Tensor) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Signals [B, *shape] one step later with `image` [B, C, H, W] shown, and the outputs at that time."""
        state = self.system.advance(State(signals, self.step), self.system.hold({IMAGE: image}))
        return dict(state.values), self.system.read(state)


@check_arguments
def export_step(model: VisionModel, *, batch: int = 1, step: int | None = None) -> "torch.export.ExportedProgram":
    """Export one step of a network with `torch.export`, so that it runs without this package.

    The program is called as `program.module()(signals, image)`; it returns the signals one step later and the outputs.
    `torch.export.save` writes it, and `torch.onnx.export` turns it into ONNX where that is installed. Weights are
    constants of the program, as they are now.

    Parameters
    ----------
    model : a model that reads images alone, without noise, delays or lesions.
    batch : number of trials, which the program keeps.
    step : number of steps before the exported one, for models whose steps differ: they have batch norms of their own
        for each step, or areas that take part later. None is for models whose steps are all alike.

    Raises
    ------
    ValueError : the steps of the model differ and none is chosen; the model has noise, delays or lesions, reads other
        inputs than images, or solves an equation in steps.
    """
    batch = check_count(batch, "batch")
    number = 0 if step is None else check_count(step, "step", 0)
    with torch.no_grad():  # weights as they are now, without their graph
        system = copy.deepcopy(model).requires_grad_(False).eval().system()
    if system.has_noise or model.lesions or set(model.inputs) != {IMAGE} or system.silent_past(1):
        raise ValueError("model must read images alone and have no noise, delays or lesions to be exported")
    numbers = sum(math.prod(signal.shape) for signal in system.signals)
    check_room(batch * numbers * system.like.element_size(), f"a state of batch = {batch}", "lower it")
    if step is None and _steps_differ(system, model.input_shape):
        raise ValueError(f"steps of {model.kind!r} differ from one another; give step, the number of steps before it")
    signals = dict(system.zero_state(batch).values)
    image = system.like.new_zeros(batch, *model.input_shape)
    with torch.enable_grad():  # packed kernels, which are used without gradients, belong to this machine
        try:
            return torch.export.export(Step(system, number).eval(), (signals, image))
        except GuardOnDataDependentSymNode as error:
            raise ValueError(
                f"a step of {model.kind!r} depends on values, as where a solver stops, so that it cannot be exported"
            ) from error


def _steps_differ(system: System[Any], shape: tuple[int, ...]) -> bool:
    """True if a state moves on in another way at another number of steps."""
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        zero = system.zero_state(1)
        values = {k: torch.randn(v.shape, generator=draw, dtype=torch.float64).to(v) for k, v in zero.values.items()}
        held = system.hold({IMAGE: torch.randn(1, *shape, generator=draw, dtype=torch.float64).to(system.like)})
        first, *later = (system.advance(State(values, step), held) for step in (0, 1, 2, 4, 8, 1000))
    return any(bool((one.values[name] != value).any()) for one in later for name, value in first.values.items())
