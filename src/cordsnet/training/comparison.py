"""Outputs of a model over a trial, and their errors against the targets of a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet.dynamics import Ending, Hold, Record
from cordsnet.training.evaluate import read_correctly
from cordsnet.training.loss import CHOICES, SCORES, Batch, Bound, Terms


@dataclass(frozen=True)
class Course:
    """Outputs of a model over a trial.

    Attributes
    ----------
    outputs : name -> [T, B, ...].
    steps : number of steps of each frame of the inputs; their sum is T.
    """

    outputs: Mapping[str, Tensor]
    steps: tuple[int, ...]


def course(bound: Bound, inputs: Mapping[str, Tensor], ms: float) -> Course:
    """Outputs at every step of a trial of `ms`.

    The trial starts as the model does. Inputs with frames are shown one after another, each for its share of `ms`.
    """
    holds = held(bound, inputs, ms)
    batch = len(next(iter(holds[0].inputs.values())))
    found = bound.run(holds, bound.begin(batch), Record()).outputs
    return Course(dict(found), tuple(hold.steps for hold in holds))


def ended(bound: Bound, inputs: Mapping[str, Tensor], ms: float, expansion_bound: float | None = None) -> Ending:
    """Return the end of a trial of `ms` from the model's own start, with the gradient of the rule of `bound`."""
    holds = held(bound, inputs, ms)
    batch = len(next(iter(holds[0].inputs.values())))
    return bound.end(holds, bound.begin(batch), expansion_bound)


def held(bound: Bound, inputs: Mapping[str, Tensor], ms: float) -> list[Hold]:
    """Frames of the inputs, each held for its share of `ms`."""
    assert bound.system is not None
    frames = frames_of(bound, inputs)
    for frame in frames:
        bound.model.check_inputs(frame)
    durations = [("duration of a frame", ms / len(frames))] * len(frames)
    steps = bound.system.clock.cut(durations, bound.notes)
    return [Hold(count, frame) for count, frame in zip(steps, frames, strict=True)]


def frames_of(bound: Bound, inputs: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """Inputs frame by frame; those that are held for the whole trial stand in every frame."""
    shapes: Mapping[str, tuple[int, ...]] = bound.model.inputs
    if unknown := sorted(set(inputs) - set(shapes)):
        raise ValueError(f"input {unknown[0]!r} is unknown to this model; it reads {', '.join(shapes)}")
    if not inputs:
        raise ValueError("batch has no inputs; give at least one")
    moving = {name for name, values in inputs.items() if values.ndim == len(shapes[name]) + 2}
    counts = {len(inputs[name]) for name in moving} or {1}
    if len(counts) > 1:
        raise ValueError(f"inputs have different numbers of frames, {sorted(counts)}; give all the same number")
    return [
        {name: values[k] if name in moving else values for name, values in inputs.items()} for k in range(counts.pop())
    ]


def masked(
    bound: Bound, shown: Course, batch: Batch, weights: Mapping[str, float] | None = None, first: int = 0
) -> Terms:
    """Mean error of outputs from step `first` on, over what masks keep, each with its coefficient."""
    outputs, terms, measures = shown.outputs, {}, {}
    for name, target in checked(batch.targets, outputs).items():
        values, axes = outputs[name], axes_of(bound, name)
        frames = target.ndim == values.ndim or (is_choice(axes) and target.ndim == 2 and not target.is_floating_point())
        wanted = over_time(target, shown.steps, "target") if frames else target.expand(len(values), *target.shape)
        errors = torch.stack([error(v, t, axes, "none") for v, t in zip(values, wanted, strict=True)])
        kept = _kept(batch, name, errors, shown.steps)[first:]
        size = kept.sum().clamp_min(torch.finfo(errors.dtype).tiny)  # a mask may leave nothing of a batch
        terms[name] = (kept * errors[first:]).sum() / size
        if is_choice(axes):
            hits = torch.stack([read_correctly(v, t) for v, t in zip(values, wanted, strict=True)]).to(errors)
            measures[accuracy_of(name)] = (kept * hits[first:]).sum() / size
    total = torch.stack([(weights or {}).get(name, 1.0) * term for name, term in terms.items()]).sum()
    return Terms(total, several(terms), measures)


def _kept(batch: Batch, output: str, errors: Tensor, steps: Sequence[int]) -> Tensor:
    """Weights [T, B] of the errors of an output."""
    mask = None if batch.mask is None else batch.mask.get(output)
    if mask is None:
        return torch.ones_like(errors)
    mask = mask.to(errors)
    return mask.expand_as(errors) if mask.ndim == 1 else over_time(mask, steps, "mask")


def over_time(values: Tensor, steps: Sequence[int], name: str) -> Tensor:
    """Values [F, ...], one for each frame, as [T, ...], one for each step.

    The frames are those of the inputs, or equal shares of a trial. Raises ValueError when they are neither.
    """
    frames, total = len(values), sum(steps)
    if frames == len(steps):
        return values.repeat_interleave(torch.tensor(steps, device=values.device), 0)
    if len(steps) > 1 or total % frames:
        raise ValueError(f"{name} has {frames} frames, which do not divide the {total} steps of the trial")
    return values.repeat_interleave(total // frames, 0)


def error(values: Tensor, target: Tensor, axes: tuple[str, ...], reduction: str = "mean") -> Tensor:
    """Cross-entropy of scores [B, K], squared error of other values [B, ...]; the mean, or one per trial [B]."""
    if is_choice(axes):
        return functional.cross_entropy(values, target, reduction=reduction)
    wrong = (values - target).square().flatten(1).mean(1)
    return wrong.mean() if reduction == "mean" else wrong


def is_choice(axes: tuple[str, ...]) -> bool:
    """True for an output [B, K] that holds scores of classes or options."""
    return len(axes) == 1 and axes[0] in CHOICES


def axes_of(bound: Bound, output: str) -> tuple[str, ...]:
    """Names of the axes of an output after the batch axis."""
    known: Mapping[str, tuple[str, ...]] = (bound.system or bound.model).outputs
    return tuple(known[output])


def checked(targets: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The targets. Raises ValueError when there are none, or one for an output that the model does not have."""
    if unknown := sorted(set(targets) - set(outputs)):
        raise ValueError(f"target {unknown[0]!r} is no output of the model; it has {', '.join(outputs)}")
    if not targets:
        raise ValueError("batch has no targets; give at least one")
    return targets


def check_labels(labels: Tensor, batch: int, classes: int) -> None:
    """Raise TypeError or ValueError unless labels are classes [B], or soft labels [B, K], of `batch` images."""
    whole = not (labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool)
    if not (labels.ndim == 1 and whole) and not (labels.ndim == 2 and labels.is_floating_point()):
        raise TypeError(f"labels must be whole numbers [B] or shares [B, classes], got {labels.dtype}")
    if len(labels) != batch:
        raise ValueError(f"labels must be as many as images, got {len(labels)} for {batch}")
    if labels.ndim == 2 and labels.shape[1] != classes:
        raise ValueError(f"labels must have {classes} columns, one per class, got {labels.shape[1]}")
    if labels.ndim == 1 and not bool(((labels >= 0) & (labels < classes)).all()):
        raise ValueError(f"labels must be from 0 to {classes - 1}, got {int(labels.min())} to {int(labels.max())}")


def accuracies(bound: Bound, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Share of trials read correctly, for each output that is a choice."""
    return {
        accuracy_of(name): read_correctly(outputs[name], target).float().mean()
        for name, target in targets.items()
        if is_choice(axes_of(bound, name))
    }


def accuracy_of(output: str) -> str:
    """Name under which the accuracy of an output is logged."""
    return "accuracy" if output == SCORES else f"{output}/accuracy"


def several(terms: dict[str, Tensor]) -> dict[str, Tensor]:
    """Terms worth naming: a single one is the loss itself."""
    return terms if len(terms) > 1 else {}
