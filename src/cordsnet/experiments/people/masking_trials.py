"""Trials of Tang et al. (2018) as a model sees them: an object behind bubbles, then grey or a mask."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cordsnet.data.people.objects2018 import Objects
from cordsnet.data.people.tang2018 import PRESENTATIONS_MS
from cordsnet.dynamics import Intervention, silence
from cordsnet.experiments.needs import is_dynamical
from cordsnet.experiments.people.occlusion import behind_bubbles, of_mean_spectrum, phase_scrambled
from cordsnet.experiments.people.pictures import as_inputs
from cordsnet.experiments.people.readout import FLOOR, fit_readout, right_answers
from cordsnet.experiments.people.responses import respond
from cordsnet.models import VisionModel

Array = NDArray[np.float64]

LEAST_HIDDEN = 0.6
"""Trials of people with a smaller share hidden are not among those whose shares are drawn."""

CHUNK = 105
"""Objects that are simulated together."""

GRAIN_MS = 25.0
"""All times of a trial are multiples of it."""

READS = ("late", "accumulated")

WINDOWS_MS = (100, 175, 300)
"""Times near which recurrence serves the recognition of objects in people (Xie et al. 2025)."""

WIDTH_MS = 50.0
"""Width of the windows in which lateral and feedback pathways are silenced."""


@dataclass(frozen=True)
class Times:
    """Times of a trial, ms.

    Attributes
    ----------
    before : grey before the object.
    read_from, read_to : window of the late read-out, from onset; a mask stays until its end.
    """

    before: float = 100.0
    read_from: float = 200.0
    read_to: float = 500.0

    def windows(self) -> dict[str, tuple[float, float]]:
        """Read-out -> the window of the response that it averages."""
        return dict(zip(READS, ((self.read_from, self.read_to), (0.0, self.read_to)), strict=True))


@dataclass(frozen=True, eq=False)
class Stimuli:
    """Pictures [N, H, W] of the same objects in the same order, and their categories [N].

    Attributes
    ----------
    whole, occluded, mask : whole objects, objects behind bubbles, phase-scrambled masks.
    category : place of the category among the names.
    hidden : share of each object that is hidden.
    ground : grey of the ground.
    """

    whole: Array
    occluded: Array
    mask: Array
    category: NDArray[np.int64]
    hidden: Array
    ground: float


def make_stimuli(objects: Objects, hidden: Array, count: int, bubbles: int, spectrum: str, seed: int) -> Stimuli:
    """Draw `count` objects (0: all), the same number of each category, hide them, and make a mask for each.

    Shares are drawn from `hidden`, those of trials of people, of which those below 0.6 are left out. A mask has the
    spectrum of its "own" object, or the "mean" one over the objects. Raises ValueError for too few or too many objects.
    """
    rng = np.random.default_rng(seed)
    rows = _some(objects.category, count, rng)
    whole = objects.images[rows].astype(np.float64)
    shares = hidden[hidden >= LEAST_HIDDEN]
    if not len(shares):
        raise ValueError(f"no trial of people hides {100 * LEAST_HIDDEN:g} % of an object or more")
    wanted = rng.choice(shares, len(rows))
    occluded = behind_bubbles(whole, wanted, ground=objects.ground, bubbles=bubbles, seed=seed)
    mask = phase_scrambled(whole if spectrum == "own" else of_mean_spectrum(whole), seed=seed)
    return Stimuli(whole, occluded.images, mask, objects.category[rows], occluded.hidden, objects.ground)


@dataclass(frozen=True, eq=False)
class Seen:
    """Answers of a model; all arrays hold the probability of a right answer to each object [N].

    Attributes
    ----------
    whole, mask : read-out -> answers to whole objects, and to masks alone, that stay until the end.
    right : (read-out, masked, presentation in ms) -> answers to occluded objects.
    silent : (masked, presentation in ms) -> share of objects without a late response.
    lesioned : (centre of the window in ms, masked) -> answers, read from onset, to objects that are shown for 150 ms
        while lateral and feedback pathways are silenced in that window; empty for a model without any.
    notes : what was chosen and rounded.
    """

    whole: dict[str, Array]
    mask: dict[str, Array]
    right: dict[tuple[str, bool, int], Array]
    silent: dict[tuple[bool, int], float]
    lesioned: dict[tuple[int, bool], Array]
    notes: tuple[str, ...]


@dataclass(eq=False)
class Viewer:
    """A model before the screen: stimuli as it reads them, and a read-out of each window, fitted to whole objects.

    Attributes
    ----------
    model : in evaluation mode.
    stimuli, times : the stimuli, and their times.
    folds : of the cross-validation by object.
    seed : of the division into folds, and of private noise.
    notes : receives what is chosen and rounded.
    """

    model: VisionModel
    stimuli: Stimuli
    times: Times
    folds: int = 5
    seed: int = 0
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        shown = self.stimuli
        self.inputs = {
            name: as_inputs(self.model, getattr(shown, name), self.notes if name == "whole" else None)
            for name in ("whole", "occluded", "mask")
        }
        self.grey = as_inputs(self.model, np.full((1, *self.model.input_shape[1:]), shown.ground))
        held = self.held("whole")
        self.readouts = {
            name: fit_readout(mean, shown.category, folds=self.folds, seed=self.seed) for name, mean in held.items()
        }
        self.whole = self.answers(held)
        if not self.readouts["late"].size:
            self.notes.append("whole objects leave the area as grey does, so that all answers are guesses")

    def held(self, name: str) -> dict[str, Array]:
        """Mean response [N, F] of each window to pictures that stay until the end of the read-out."""
        return self._responses([(self.inputs[name], self.times.read_to)])

    def trial(self, shown_ms: float, masked: bool, interventions: Sequence[Intervention] = ()) -> dict[str, Array]:
        """Mean response [N, F] of each window to occluded objects shown for `shown_ms`, then a mask or grey."""
        after = self.inputs["mask"] if masked else self.grey
        parts = [(self.inputs["occluded"], shown_ms), (after, self.times.read_to - shown_ms)]
        return self._responses(parts, interventions)

    def see(self) -> Seen:
        """Answers to all conditions."""
        right: dict[tuple[str, bool, int], Array] = {}
        silent: dict[tuple[bool, int], float] = {}
        for masked in (False, True):
            for shown in PRESENTATIONS_MS:
                responses = self.trial(shown, masked)
                small = _sizes(responses["late"]) < FLOOR * self.readouts["late"].size
                silent[masked, shown] = float(small.mean())
                right |= {(read, masked, shown): one for read, one in self.answers(responses).items()}
        mask = self.answers(self.held("mask"))
        return Seen(self.whole, mask, right, silent, self.lesioned(), tuple(dict.fromkeys(self.notes)))

    def lesioned(self) -> dict[tuple[int, bool], Array]:
        """Answers without lateral and feedback pathways in each window, as `Seen.lesioned`."""
        pathways = recurrent_pathways(self.model)
        found = {}
        for centre in WINDOWS_MS if pathways else ():
            silenced = without_recurrence(pathways, centre, WIDTH_MS)
            for masked in (False, True):
                responses = self.trial(PRESENTATIONS_MS[-1], masked, silenced)
                found[centre, masked] = self.answers(responses)["accumulated"]
        return found

    def answers(self, responses: dict[str, Array]) -> dict[str, Array]:
        """Probability of a right answer [N] by read-out."""
        labels, found = self.stimuli.category, {}
        for name, mean in responses.items():
            read = self.readouts[name]
            scores, sizes = read.scores(mean), _sizes(mean)
            found[name] = right_answers(scores, labels, read.categories, sizes, FLOOR * read.size)
        return found

    def _responses(
        self, parts: Sequence[tuple[Tensor, float]], interventions: Sequence[Intervention] = ()
    ) -> dict[str, Array]:
        show: Any = partial(
            respond, self.model, grey=self.grey, before_ms=self.times.before, grain_ms=GRAIN_MS, seed=self.seed
        )
        found: dict[str, list[Array]] = {name: [] for name in self.times.windows()}
        for start in range(0, len(self.stimuli.category), CHUNK):
            some = [(one if len(one) == 1 else one[start : start + CHUNK], ms) for one, ms in parts]
            response = show(some, interventions=interventions)
            self.notes += [note for note in response.notes if note not in self.notes]
            for name, window in self.times.windows().items():
                found[name].append(response.mean(*window))
        return {name: np.concatenate(chunks) for name, chunks in found.items()}


def recurrent_pathways(model: VisionModel) -> tuple[str, ...]:
    """Pathways from an area to itself or to a lower one, which interventions can silence; a static model has none."""
    if not is_dynamical(model):
        return ()
    order = {area: k for k, area in enumerate(model.areas)}
    ends = ((name, *name.split(" -> ")) for name in model.system().pathways)
    return tuple(name for name, source, target in ends if order.get(source, -1) >= order[target])


def without_recurrence(pathways: Sequence[str], centre_ms: float, width_ms: float) -> tuple[Intervention, ...]:
    """Silence pathways in a window of time from onset."""
    half = width_ms / 2
    return tuple(silence(name, from_ms=centre_ms - half, to_ms=centre_ms + half) for name in pathways)


def _sizes(responses: Array) -> Array:
    return np.asarray(np.linalg.norm(responses, axis=1))


def _some(category: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    kinds = len(np.unique(category))
    each = int(np.bincount(category).min())
    if count == 0:
        return np.arange(len(category))
    if count % kinds or not 0 < count <= each * kinds:
        raise ValueError(f"objects must be 0 for all, or a multiple of {kinds} up to {each * kinds}, got {count}")
    drawn = [rng.choice(np.flatnonzero(category == kind), count // kinds, replace=False) for kind in range(kinds)]
    return np.sort(np.concatenate(drawn))
