"""Everything that is measured of a network under mixtures of pairs of images."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from cordsnet._checks import check_at_least, check_count, check_positive
from cordsnet.data import Split
from cordsnet.experiments.effects.dominance import Dominance, dominance, noisy_margins
from cordsnet.experiments.effects.hysteresis import Loop, sweep
from cordsnet.experiments.effects.mixture_states import Mixed, mix, settle_mixtures
from cordsnet.experiments.effects.oscillation import Judged, judge_hold
from cordsnet.experiments.pairs import disjoint_pairs
from cordsnet.models import VisionModel

Array = NDArray[np.float64]
DOMINATES = 0.25
"""An answer dominates where its margin is larger than this share of the margin under its image alone."""


@dataclass(frozen=True)
class MixturesOptions:
    """Mixtures, durations and noise.

    Attributes
    ----------
    trials : number of test images; two of two classes make a pair.
    levels : number of mixtures of a pair, an odd one, so that equal parts are among them.
    image_ms : how long each mixture is shown, and each image before a sweep.
    hold_ms : how long equal parts are held to see if they oscillate.
    window_ms : the end of it that is judged; at least 64 steps of the model.
    sweep_ms : duration of a sweep from one image to the other, fast and slow.
    frames : mixtures in a sweep.
    dominance_ms : how long equal parts are shown under noise.
    sigma : standard deviation of the noise, in units of that of the images.
    noise_frame_ms : how long the noise stays before it is drawn again.
    """

    trials: int = 120
    levels: int = 11
    image_ms: float = 400.0
    hold_ms: float = 2000.0
    window_ms: float = 400.0
    sweep_ms: tuple[float, float] = (2000.0, 4000.0)
    frames: int = 100
    dominance_ms: float = 4000.0
    sigma: float = 1.0
    noise_frame_ms: float = 10.0

    def __post_init__(self) -> None:
        for name in ("image_ms", "hold_ms", "window_ms", "dominance_ms", "noise_frame_ms"):
            check_positive(getattr(self, name), name)
        check_at_least(self.sigma, "sigma", 0.0)
        check_count(self.trials, "trials", 2)
        check_count(self.frames, "frames", 2)
        if check_count(self.levels, "levels", 3) % 2 == 0:
            raise ValueError(f"levels must be an odd number, so that equal parts are among them, got {self.levels}")
        if len(self.sweep_ms) != 2 or not 0 < self.sweep_ms[0] < self.sweep_ms[1] < float("inf"):
            raise ValueError(f"sweep_ms must be two durations above 0, the shorter one first, got {self.sweep_ms}")


@dataclass(frozen=True)
class Ambiguity:
    """Measurements of one network.

    Attributes
    ----------
    classes : of the first and of the second image of each pair [P, 2].
    mixed : states under mixtures.
    apart : pairs whose two images the network answers differently; the others have no switch [P].
    judged : if equal parts oscillate.
    loops : sweeps of the pairs in `apart`, fast and slow; none where there are no such pairs.
    times, margins : under noise, of the pairs in `apart` [T], [T, Q].
    dominances : of the same pairs.
    """

    classes: NDArray[np.int64]
    mixed: Mixed
    apart: NDArray[np.bool_]
    judged: Judged
    loops: tuple[Loop, ...]
    times: Array
    margins: Array
    dominances: tuple[Dominance, ...]

    @property
    def scaled_margins(self) -> Array:
        """Margins of the pairs in `apart`, from 0 at the second image to 1 at the first [M, Q]."""
        margins = self.mixed.margins()[:, self.apart]
        found: Array = (margins - margins[0]) / (margins[-1] - margins[0])
        return found

    @property
    def durations(self) -> Array:
        """All complete durations, ms."""
        return np.array([ms for one in self.dominances for ms in one.durations_ms])


def measure_ambiguity(model: VisionModel, split: Split, options: MixturesOptions, seed: int = 0) -> Ambiguity:
    """Pair the images and measure everything.

    Raises ValueError when one class holds more than half of the images, or for durations that the model cannot take.
    """
    first, second = disjoint_pairs(split)
    shares = np.linspace(0.0, 1.0, options.levels).tolist()
    mixed = settle_mixtures(model, first.images, second.images, shares, options.image_ms, seed)
    margins, answers = mixed.margins(), mixed.answers
    apart = (margins[-1] > 0) & (margins[0] < 0)
    equal = mix(first.images, second.images, 0.5)
    judged = judge_hold(model, equal, options.hold_ms, options.window_ms, seed)
    loops: tuple[Loop, ...] = ()
    times, noisy, dominances = np.zeros(0), np.zeros((0, 0)), list[Dominance]()
    if apart.any():
        rows = torch.from_numpy(apart).to(first.images.device)
        one, other, named = first.images[rows], second.images[rows], (answers[0][apart], answers[1][apart])
        loops = tuple(
            sweep(model, one, other, named, options.image_ms, ms, options.frames, seed) for ms in options.sweep_ms
        )
        sigma = options.sigma * float(split.images.std())
        frame, lasts = options.noise_frame_ms, options.dominance_ms
        times, noisy = noisy_margins(model, equal[rows], named, sigma, frame, lasts, seed)
        ends = DOMINATES * margins[:, apart]
        dominances = [dominance(noisy[:, k], times, ends[-1, k], ends[0, k]) for k in range(noisy.shape[1])]
    classes = torch.stack([first.labels, second.labels], 1).cpu().numpy()
    return Ambiguity(classes, mixed, apart, judged, loops, times, noisy, tuple(dominances))
