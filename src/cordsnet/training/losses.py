"""Losses for any model: at the last step, at every step, masked, of the next frame, and at the settled state."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet.dynamics import Equilibrium, Hold, Record, Solver, steady_state
from cordsnet.training.evaluate import BATCH, read_correctly
from cordsnet.training.loss import CHOICES, IMAGE, SCORES, Batch, Bound, Loss, Terms, by_name
from cordsnet.training.sources import LabelledImages


@dataclass(frozen=True)
class LastStep(Loss):
    """The error of the outputs at the end of a trial.

    Attributes
    ----------
    ms : duration of a trial, shared equally by its frames; a model without time answers at once.
    """

    kind = "last_step"
    needs_time = False
    ms: float = 200.0

    def __call__(self, bound: Bound, batch: Batch) -> Terms:
        """Cross-entropy for class scores, squared error for other outputs, summed over the outputs with a target."""
        if bound.system is None:
            outputs = by_name(bound.model(batch.inputs))
        else:
            outputs = {name: values[-1] for name, values in course(bound, batch.inputs, self.ms, last=True).items()}
        targets = _checked(batch.targets, outputs)
        terms = {name: error(outputs[name], target, axes_of(bound, name)) for name, target in targets.items()}
        return Terms(torch.stack(list(terms.values())).sum(), _several(terms), _accuracies(bound, outputs, targets))


@dataclass(frozen=True)
class EveryStep(Loss):
    """The error of the outputs, averaged over the steps of a trial.

    Attributes
    ----------
    ms : duration of a trial, shared equally by its frames.
    from_ms : steps up to this time do not count.
    """

    kind = "every_step"
    ms: float = 200.0
    from_ms: float = 0.0

    def __call__(self, bound: Bound, batch: Batch) -> Terms:
        """Cross-entropy for class scores, squared error for other outputs, summed over the outputs with a target."""
        outputs = course(bound, batch.inputs, self.ms)
        first = round(len(next(iter(outputs.values()))) * self.from_ms / self.ms)
        return masked(bound, outputs, Batch(batch.inputs, batch.targets), first=first)

    def __post_init__(self) -> None:
        if not 0 <= self.from_ms < self.ms:
            raise ValueError(f"from_ms must be at least 0 and below ms = {self.ms:g}, got {self.from_ms:g}")


@dataclass(frozen=True)
class Masked(Loss):
    """The error of every output with a target, weighted over time and trials by the mask of the batch.

    For tasks with several outputs, such as a choice that counts in the decision period and an eye position that counts
    throughout.

    Attributes
    ----------
    ms : duration of a trial, shared equally by its frames.
    weights : coefficient of each output, as (name, coefficient) pairs; 1 for those that are not named.
    """

    kind = "masked"
    ms: float = 200.0
    weights: tuple[tuple[str, float], ...] = ()

    def __call__(self, bound: Bound, batch: Batch) -> Terms:
        """Each output's mean error over what its mask keeps, one term per output."""
        return masked(bound, course(bound, batch.inputs, self.ms), batch, dict(self.weights))


@dataclass(frozen=True)
class NextFrame(Loss):
    """The squared error of a prediction of the next frame of a movie; the movie is its own target.

    Attributes
    ----------
    frame_ms : duration of a frame.
    output : output that predicts, read at the end of each frame.
    skip : frames at the beginning whose predictions do not count.
    """

    kind = "next_frame"
    frame_ms: float = 50.0
    output: str = "next_frame"
    skip: int = 1

    def __call__(self, bound: Bound, batch: Batch) -> Terms:
        """Mean squared error over frames, trials and pixels."""
        frames = batch.inputs[IMAGE]
        count = len(frames)
        if frames.ndim != 5 or count < self.skip + 2:
            raise ValueError(f"image must be a movie [F, B, C, H, W] of more than {self.skip + 1} frames")
        outputs = course(bound, batch.inputs, self.frame_ms * count)
        _checked({self.output: frames}, outputs)
        steps = len(outputs[self.output]) // count
        predicted = outputs[self.output][steps - 1 :: steps]
        wrong = (predicted[self.skip : -1] - frames[self.skip + 1 :]).square().mean()
        return Terms(wrong, {})


@dataclass(frozen=True)
class Settled(Loss):
    """Cross-entropy at the network's fixed point under each image, by implicit gradients or by recurrent
    back-propagation (`solver.gradient`). Memory does not grow with the duration of a trial.

    Attributes
    ----------
    solver : how fixed points and their gradients are computed; its `expansion_bound` keeps the network settling.
    expansion_weight : coefficient of the Lipschitz-coefficient penalty (Linsley et al. 2020).
    """

    kind = "settled"
    solver: Solver = field(default_factory=lambda: Solver(tol=1e-4, max_iterations=50, expansion_bound=0.9))
    expansion_weight: float = 1e-2

    def __call__(self, bound: Bound, batch: Batch) -> Terms:
        """Cross-entropy at the fixed point, and the penalty."""
        labels = batch.targets[SCORES]
        found = steady_state(bound.model, batch.inputs[IMAGE], solver=self.solver, grad=True)
        classification = functional.cross_entropy(found.logits, labels)
        loss = classification + self.expansion_weight * found.expansion
        hits = read_correctly(found.logits, labels).float().mean()
        settled = loss.new_tensor(settled_share(found))
        return Terms(loss, {"expansion": found.expansion}, {"accuracy": hits, "settled_share": settled})

    def report(self, model: torch.nn.Module, source: object) -> dict[str, float]:
        """Share of test images under which the network settles."""
        if not isinstance(source, LabelledImages):
            return {}
        settled, seen = 0.0, 0
        for images, _ in source.data.test.to(model).batches(BATCH):
            settled += settled_share(steady_state(model, images, solver=self.solver)) * len(images)  # type: ignore[arg-type]
            seen += len(images)
        return {"settled_share": settled / seen}


def settled_share(found: Equilibrium) -> float:
    """Share of trials of which every area converged."""
    trials = zip(*found.status.values(), strict=True)
    settled = [all(status.name == "CONVERGED" for status in areas) for areas in trials]
    return sum(settled) / len(settled)


def course(bound: Bound, inputs: Mapping[str, Tensor], ms: float, last: bool = False) -> dict[str, Tensor]:
    """Outputs at every step of a trial, or at its last step alone: name -> [T, B, ...].

    The trial starts as the model does. Inputs with frames are shown one after another, each for its share of `ms`.
    """
    assert bound.system is not None
    frames = _frames(bound, inputs)
    for frame in frames:
        bound.model.check_inputs(frame)
    clock = bound.system.clock
    names = [("duration of a frame", ms / len(frames))] * len(frames)
    holds = [Hold(steps, frame) for steps, frame in zip(clock.cut(names), frames, strict=True)]
    total = sum(hold.steps for hold in holds)
    record = Record(times_ms=(clock.time_ms(total),)) if last else Record()
    batch = len(next(iter(frames[0].values())))
    return dict(bound.run(holds, bound.start(batch), record).outputs)


def _frames(bound: Bound, inputs: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
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
    bound: Bound,
    outputs: Mapping[str, Tensor],
    batch: Batch,
    weights: Mapping[str, float] | None = None,
    first: int = 0,
) -> Terms:
    """Mean error of outputs [T, B, ...] from step `first` on, over what masks keep, each with its coefficient."""
    targets, terms, measures = _checked(batch.targets, outputs), {}, {}
    for name, target in targets.items():
        values, axes = outputs[name], axes_of(bound, name)
        over_time = _over_time(target, values, is_choice(axes))
        errors = torch.stack([error(v, t, axes, "none") for v, t in zip(values, over_time, strict=True)])
        mask = None if batch.mask is None else batch.mask.get(name)
        kept = torch.ones_like(errors) if mask is None else _mask_over_time(mask, errors)
        errors, kept = errors[first:], kept[first:]
        terms[name] = (kept * errors).sum() / kept.sum().clamp_min(torch.finfo(errors.dtype).tiny)
        if is_choice(axes):
            hits = torch.stack([read_correctly(v, t) for v, t in zip(values, over_time, strict=True)]).to(errors)
            measures[_accuracy_of(name)] = (kept * hits[first:]).sum() / kept.sum()
    total = torch.stack([(weights or {}).get(name, 1.0) * term for name, term in terms.items()]).sum()
    return Terms(total, _several(terms), measures)


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


def _over_time(target: Tensor, values: Tensor, classes: bool) -> Tensor:
    """A target for each of the T steps of values [T, B, ...], given one for the trial or one for each frame."""
    steps = len(values)
    per_frame = target.ndim == values.ndim or (classes and target.ndim == 2 and not target.is_floating_point())
    if not per_frame:
        return target.expand(steps, *target.shape)
    if steps % len(target):
        raise ValueError(f"target has {len(target)} frames, which do not divide the {steps} steps that count")
    return target.repeat_interleave(steps // len(target), 0)


def _mask_over_time(mask: Tensor, errors: Tensor) -> Tensor:
    """Weights [T, B] from [B] or [F, B]."""
    if mask.ndim == 1:
        return mask.to(errors).expand_as(errors)
    if len(errors) % len(mask):
        raise ValueError(f"mask has {len(mask)} frames, which do not divide the {len(errors)} steps that count")
    return mask.to(errors).repeat_interleave(len(errors) // len(mask), 0)


def _checked(targets: Mapping[str, Tensor], outputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    if unknown := sorted(set(targets) - set(outputs)):
        raise ValueError(f"target {unknown[0]!r} is no output of the model; it has {', '.join(outputs)}")
    if not targets:
        raise ValueError("batch has no targets; give at least one")
    return targets


def _accuracies(bound: Bound, outputs: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        _accuracy_of(name): read_correctly(outputs[name], target).float().mean()
        for name, target in targets.items()
        if is_choice(axes_of(bound, name))
    }


def _accuracy_of(output: str) -> str:
    return "accuracy" if output == SCORES else f"{output}/accuracy"


def _several(terms: dict[str, Tensor]) -> dict[str, Tensor]:
    """Terms worth naming: a single one is the loss itself."""
    return terms if len(terms) > 1 else {}
