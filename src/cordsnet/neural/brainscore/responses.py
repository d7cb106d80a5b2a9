"""Responses of a model to stimuli: activity in time bins, features for a readout, probabilities of classes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from cordsnet.dynamics import Record, State, simulate
from cordsnet.models import VisionModel
from cordsnet.models.interface import SCORES
from cordsnet.neural.activity.record import Activity, Viewing, activity_in_memory, as_images, preparation_of
from cordsnet.neural.activity.shown import evaluating, start_of
from cordsnet.neural.brainscore.stimuli import Stimuli
from cordsnet.stimuli import blank, show

BATCH = 64
"""Pictures that are shown at once for class scores."""

Numbers = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Commitments:
    """Settings of a model that are fixed before a benchmark sees it; see `to_brainscore`."""

    identifier: str
    regions: Mapping[str, tuple[str, ...]]
    readout: tuple[str, ...]
    latency_ms: Mapping[str, float]
    degrees: float
    viewing: Viewing
    decision_ms: float
    label_classes: Mapping[str, Sequence[str]] | None
    notes: tuple[str, ...]

    @property
    def of_behaviour(self) -> tuple[str, ...]:
        """Sentences on labels and probabilities."""
        read = f"labels are read at {self.decision_ms:g} ms, and probabilities from {', '.join(self.readout)}"
        return (*self.notes, read)


def activity(
    model: VisionModel,
    fixed: Commitments,
    stimuli: Stimuli,
    areas: Sequence[str],
    bins: NDArray[Any],
    latency_ms: float,
    trials: int,
) -> Activity:
    """Activity of areas in bins, of pictures of one size or several, with the notes of both."""
    viewings = list(_viewings(fixed, stimuli, latency_ms))
    parts = []
    for rows, viewing in viewings:
        pictures = stimuli.pictures if len(viewings) == 1 else stimuli.pictures.select(rows.tolist())
        parts.append(activity_in_memory(model, pictures, bins, areas, viewing, trials))
    notes = tuple(dict.fromkeys([*fixed.notes, *(note for part in parts for note in part.notes)]))
    if len(parts) == 1:
        return replace(parts[0], notes=notes)
    order = np.argsort(np.concatenate([rows for rows, _ in viewings]))
    return Activity(np.concatenate([part.values for part in parts])[order], parts[0].units, notes)


def features(model: VisionModel, fixed: Commitments, stimuli: Stimuli, trials: int) -> Numbers:
    """Activity of the readout in the step that ends with the decision [I, U]."""
    bins = np.array([[fixed.decision_ms - model.dt_ms, fixed.decision_ms]])
    return activity(model, fixed, stimuli, fixed.readout, bins, 0.0, trials).values[:, :, 0]


def probabilities(model: VisionModel, fixed: Commitments, stimuli: Stimuli, trials: int) -> Numbers:
    """Probabilities of classes [I, K] at the time of the decision, mean over trials of models with noise."""
    found = np.zeros((len(stimuli.pictures), model.num_classes), np.float32)
    preparation = preparation_of(model)[0]
    with evaluating(model):
        rounds = trials if model.system().has_noise else 1
        for rows, viewing in _viewings(fixed, stimuli, 0.0):
            pictures = stimuli.pictures.select(rows.tolist())
            for start in range(0, len(rows), BATCH):
                chosen = slice(start, min(start + BATCH, len(rows)))
                images = as_images(pictures, chosen, preparation, viewing).to(model.like.device, model.like.dtype)
                for trial in range(rounds):
                    begin = start_of(model, rows[chosen], viewing.seed + trial)
                    found[rows[chosen]] += _at_decision(model, fixed, images, begin) / rounds
    return found


def _at_decision(model: VisionModel, fixed: Commitments, images: torch.Tensor, start: State | None) -> Numbers:
    """Probabilities of classes [B, K] after images [B, C, H, W] from a start, None for the model's own."""
    end, shown_ms = fixed.decision_ms, fixed.viewing.image_ms
    on = end if shown_ms is None else min(shown_ms, end)
    protocol = show(images, on) if on == end else show(images, on) + blank(end - on)
    outputs = simulate(model, protocol, record=Record(times_ms=(end,)), initial_state=start).outputs
    return torch.softmax(outputs[SCORES][-1].float(), 1).cpu().numpy()


def _viewings(fixed: Commitments, stimuli: Stimuli, latency_ms: float) -> Iterator[tuple[NDArray[np.intp], Viewing]]:
    """Rows of the stimuli of each size, and how they are shown."""
    viewing, sizes = replace(fixed.viewing, latency_ms=latency_ms), stimuli.degrees
    if sizes is None:
        yield np.arange(len(stimuli.pictures)), viewing
        return
    for size in np.unique(sizes).tolist():
        sized = replace(viewing, picture_degrees=size, model_degrees=float(fixed.degrees))
        yield np.flatnonzero(sizes == size), sized
