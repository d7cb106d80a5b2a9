"""Gradient rules compared with back-propagation through time, on a model and inputs of one's own."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from cordsnet._arguments import check_arguments
from cordsnet.dynamics import Ending, Gradient, Hold, State
from cordsnet.dynamics.limits import in_words
from cordsnet.errors import NotConvergedError
from cordsnet.models import VisionModel
from cordsnet.models.interface import IMAGE
from cordsnet.training.comparison import axes_of, check_labels, checked, error, held, is_choice
from cordsnet.training.loss import SCORES, Bound

COMPARED = (
    Gradient(),
    Gradient("checkpointed"),
    Gradient("truncated"),
    Gradient("rbp"),
    Gradient("implicit", unsettled="accept"),
    Gradient("implicit", forward="anderson", unsettled="accept"),
    Gradient("phantom"),
)
"""Rules that are compared where none are named: all of the package, with their own settings."""


@dataclass(frozen=True)
class ComparedGradient:
    """One rule beside the exact gradient of the weights that the last state depends on.

    Attributes
    ----------
    gradient : the rule and its settings.
    cosine : of the angle to the exact gradient; 1 is the same direction. NaN where either is zero.
    size : norm divided by that of the exact gradient.
    settled_share : share of trials that had settled to `gradient.tol`; None where the rule does not ask.
    kept : bytes that are kept for the backward pass, without weights and inputs; None for blocks that are run again.
    seconds : time of both passes.
    refused : reason why the rule gives nothing here; "" where it does.
    """

    gradient: Gradient
    cosine: float = float("nan")
    size: float = float("nan")
    settled_share: float | None = None
    kept: int | None = None
    seconds: float = float("nan")
    refused: str = ""


@dataclass(frozen=True)
class GradientTable:
    """Rules compared on one model; its text is a table.

    Attributes
    ----------
    rows : one for each rule.
    model : name of the model.
    steps : of the trial.
    """

    rows: tuple[ComparedGradient, ...]
    model: str
    steps: int

    def __getitem__(self, rule: str) -> ComparedGradient:
        """The first row of a rule. Raises KeyError where there is none."""
        for row in self.rows:
            if row.gradient.rule == rule:
                return row
        raise KeyError(f"no row of gradient {rule!r}; there are {', '.join(row.gradient.rule for row in self.rows)}")

    def __str__(self) -> str:
        lines = [
            f"{self.model}, {self.steps} steps",
            f"{'gradient':24} {'cosine':>9} {'size':>7} settled     kept     s",
        ]
        return "\n".join(lines + [_line(row) for row in self.rows])


@check_arguments
def compare_gradients(
    model: VisionModel,
    inputs: Tensor | Mapping[str, Tensor],
    targets: Tensor | Mapping[str, Tensor],
    *,
    ms: float | None = None,
    dt: float | None = None,
    gradients: Sequence[Gradient] = COMPARED,
) -> GradientTable:
    """Compare gradient rules with back-propagation through time, for the error at the end of a trial.

    The gradient is that through the last state: what the readout's own weights receive is the same with every rule, and
    would hide the differences. Each rule starts from the same state, with the same noise.

    Parameters
    ----------
    model : evolves in time; nothing of it is changed.
    inputs : images [B, C, H, W], or inputs by name.
    targets : classes [B], or targets by the name of an output, as in `Batch`.
    ms : duration of the trial; None is the model's `response_ms`.
    dt : step, ms; None is the model's own.
    gradients : the rules to compare.

    Returns
    -------
    GradientTable. A rule that is not defined for this model, or does not converge, has a row that says why.

    Raises
    ------
    ValueError : a model without time, or inputs or targets that do not fit.
    """
    given = inputs if isinstance(inputs, Mapping) else {IMAGE: inputs}
    wanted = targets if isinstance(targets, Mapping) else {SCORES: targets}
    bound = Bound.of(model, dt)
    if bound.system is None:
        raise ValueError(f"gradients of {type(model).__name__} cannot be compared, since it does not evolve in time")
    holds = held(bound, given, model.response_ms if ms is None else ms)
    start = bound.begin(len(next(iter(holds[0].inputs.values()))))
    with torch.enable_grad():
        task = _Task(model, dt, holds, start, wanted)
        exact = _Measured(task, Gradient()).weights
        rows = tuple(_compared(task, rule, exact) for rule in gradients)
    name = str(getattr(model.spec, "name", type(model).__name__))
    return GradientTable(rows, name, sum(hold.steps for hold in holds))


@dataclass(frozen=True)
class _Task:
    """Trial that every rule is asked for."""

    model: VisionModel
    dt: float | None
    holds: list[Hold]
    start: State
    targets: Mapping[str, Tensor]


def _compared(task: _Task, gradient: Gradient, exact: Tensor) -> ComparedGradient:
    try:
        found = _Measured(task, gradient)
    except (ValueError, NotConvergedError) as why:
        return ComparedGradient(gradient, refused=str(why))
    size, scale = found.weights.norm(), exact.norm()
    apart = found.ending.residual
    return ComparedGradient(
        gradient,
        cosine=float(found.weights @ exact / (size * scale)),
        size=float(size / scale),
        settled_share=None if apart is None else float((apart <= gradient.tol).double().mean()),
        kept=None if gradient.rule == "checkpointed" else found.kept,
        seconds=found.seconds,
    )


class _Measured:
    """One rule run on one trial.

    Attributes
    ----------
    ending : end of the trial.
    weights : gradient of all weights through the last state, in one row, in double precision.
    kept : bytes that were kept for the backward pass.
    seconds : time that it took.
    """

    def __init__(self, task: _Task, gradient: Gradient) -> None:
        began, kept = time.perf_counter(), _Kept(task.model, task.holds)
        bound = Bound.of(task.model, task.dt, gradient=gradient)  # anew, since the graph of its weights is used up
        with saved_tensors_hooks(kept.note, lambda value: value):
            self.ending = bound.end(task.holds, task.start)
        values = dict(self.ending.state.values)
        upstream = _upstream(bound, self.ending, task.targets)
        through = [name for name, value in values.items() if value.requires_grad]
        weights = [weight for weight in task.model.parameters() if weight.requires_grad]
        found: tuple[Tensor, ...] = torch.autograd.grad(
            [values[name] for name in through],
            weights,
            [upstream[name] for name in through],
            allow_unused=True,
            materialize_grads=True,
        )
        self.weights = torch.cat([part.flatten().cpu().double() for part in found])
        self.kept, self.seconds = kept.bytes, time.perf_counter() - began


def _upstream(bound: Bound, ending: Ending, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Gradient of the error with respect to the signals of the last state."""
    assert bound.system is not None
    leaves = {name: value.detach().requires_grad_() for name, value in ending.state.values.items()}
    outputs = bound.system.read(ending.state.with_values(leaves))
    wrong = []
    for name, target in checked(targets, outputs).items():
        values, axes = outputs[name], axes_of(bound, name)
        if is_choice(axes):
            check_labels(target, *values.shape)
        elif target.shape != values.shape or target.dtype != values.dtype:
            raise ValueError(f"target {name!r} must be {list(values.shape)} of {values.dtype}, like the output")
        wrong.append(error(values, target, axes))
    total = torch.stack(wrong).sum()
    found = torch.autograd.grad(total, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return dict(zip(leaves, found, strict=True))


class _Kept:
    """Bytes of the tensors that autograd keeps, each memory counted once, without weights and inputs."""

    def __init__(self, model: VisionModel, holds: Sequence[Hold]) -> None:
        known: list[Any] = [*model.parameters(), *model.buffers()]
        known += [value for hold in holds for value in hold.inputs.values()]
        self.known = {value.untyped_storage().data_ptr() for value in known}
        self.sizes: dict[int, int] = {}

    @property
    def bytes(self) -> int:
        """Their sum."""
        return sum(self.sizes.values())

    def note(self, value: Tensor) -> Tensor:
        """Count a tensor, which stays where it is."""
        storage = value.untyped_storage()
        if storage.data_ptr() not in self.known:
            self.sizes[storage.data_ptr()] = storage.nbytes()
        return value


def _line(row: ComparedGradient) -> str:
    name = row.gradient.rule + (f" ({row.gradient.forward})" if row.gradient.rule == "implicit" else "")
    if row.refused:
        return f"{name:24} {row.refused}"
    settled = "" if row.settled_share is None else f"{100 * row.settled_share:.0f} %"
    kept = "" if row.kept is None else in_words(row.kept)
    return f"{name:24} {row.cosine:9.6f} {row.size:7.3f} {settled:>7} {kept:>8} {row.seconds:5.2f}"
