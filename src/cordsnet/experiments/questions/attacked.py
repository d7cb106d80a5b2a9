"""A model under attack: accuracy at every strength, the strength that misleads it, and controls of the gradient."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._checks import check_count, check_positive
from cordsnet.data import Split
from cordsnet.experiments.intervals import mean_of
from cordsnet.experiments.questions.attacks import LEVELS, Attack, Attacker, Pixels
from cordsnet.experiments.questions.viewing import look
from cordsnet.models import VisionModel

Array = NDArray[np.float64]
PGD, FGSM, NOISE = "PGD", "FGSM", "random noise"
MORE_STEPS, RESTARTS, WHOLE_RANGE, TRANSFER = "twice the steps", "restarts", "whole range", "transfer"


@dataclass(frozen=True)
class AdversarialOptions:
    """Strengths of attacks.

    Attributes
    ----------
    trials : number of test images.
    epsilons : largest changes of a pixel, in levels of 255, rising.
    steps : of the iterated attack.
    restarts : random starts of the control with several.
    image_ms : how long images are shown before the model is read; None is each model's own time.
    """

    trials: int = 100
    epsilons: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
    steps: int = 10
    restarts: int = 3
    image_ms: float | None = None

    def __post_init__(self) -> None:
        check_count(self.steps, "steps", 1)
        check_count(self.restarts, "restarts", 2)
        if self.image_ms is not None:
            check_positive(self.image_ms, "image_ms")
        rising = all(low < high for low, high in pairwise((0.0, *self.epsilons)))
        if not self.epsilons or not rising or self.epsilons[-1] > LEVELS:
            raise ValueError(f"epsilons must rise from above 0 to at most {LEVELS}, got {list(self.epsilons)}")


@dataclass(frozen=True)
class Attacked:
    """Answers of a model under attack.

    Attributes
    ----------
    attacker : the model, to make attacks through it.
    split : the images.
    epsilons : strengths [E], 0 first.
    curves : attack -> 1 where an image is read correctly up to each strength, else 0 [E, B].
    chance : accuracy of guessing.
    half : strength that takes accuracy under PGD halfway to chance, in levels; NaN where none of the strengths does.
    controls : control -> 1 where an image is read correctly, at `half`, or over the whole range [B].
    silent : share of images, read correctly, at which the gradient is zero.
    notes : durations that were rounded, and what could not be measured.
    """

    attacker: Attacker
    split: Split
    epsilons: Array
    curves: Mapping[str, Array]
    chance: float
    half: float
    controls: Mapping[str, Array]
    silent: float
    notes: tuple[str, ...]

    def strength(self, counts: Array) -> Array:
        """Strength that takes accuracy halfway to chance [R], for images drawn `counts` [R, B] times."""
        return half_strength(mean_of(counts, self.curves[PGD].T), self.epsilons, self.chance)


def attack_model(model: VisionModel, split: Split, options: AdversarialOptions, seed: int = 0) -> Attacked:
    """Attack a model at all strengths, find the strength that takes accuracy halfway to chance, and run the controls.

    An image that was misread at some strength counts as misread at greater ones, whose bounds contain it.
    """
    viewing = look(model, split, options.image_ms)
    attacker = Attacker(viewing, Pixels.of_split(split))
    whole = viewing.hits(split, lambda images, _: viewing.held(images), seed).bool()
    notes = list(viewing.notes)
    if not attacker.pixels.bounded:
        notes.append("attacked images are not kept from 0 to 1, since whole ones are not there")
    curves = {}
    for name in (PGD, FGSM, NOISE):
        right = [whole]
        for epsilon in options.epsilons:
            right.append(attacker.survive(split, _attack(attacker, name, epsilon, options), right[-1], seed))
        curves[name] = torch.stack(right).double().numpy()
    epsilons, chance = np.array([0.0, *options.epsilons]), 1 / model.num_classes
    half = float(half_strength(curves[PGD].mean(1)[None], epsilons, chance)[0])
    if np.isnan(half) and float(whole.double().mean()) > chance:
        notes.append(
            "no strength takes its accuracy halfway to chance, so that no attack is calibrated; give larger epsilons"
        )
    controls = _controls(attacker, split, half, options, whole, seed)
    silent = _silent(attacker, split, whole)
    return Attacked(attacker, split, epsilons, curves, chance, half, controls, silent, tuple(notes))


def half_strength(accuracy: Array, epsilons: Array, chance: float) -> Array:
    """Strength [R] at which accuracies [R, E] that fall are halfway from the first to chance.

    Interpolated linearly between strengths [E]; NaN where they do not fall so far, or begin at chance or below.
    """
    level = (accuracy[:, :1] + chance) / 2
    below = accuracy <= level
    at = np.maximum(below.argmax(1), 1)
    row = np.arange(len(accuracy))
    before, after = accuracy[row, at - 1], accuracy[row, at]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = (before - level[:, 0]) / (before - after)
    found: Array = epsilons[at - 1] + part * (epsilons[at] - epsilons[at - 1])
    return np.where(below.any(1) & (accuracy[:, 0] > chance), found, np.nan)


def _attack(attacker: Attacker, name: str, epsilon: float, options: AdversarialOptions) -> Attack:
    if name == PGD:
        return attacker.pgd(epsilon, options.steps)
    return attacker.fgsm(epsilon) if name == FGSM else attacker.noise(epsilon)


def _controls(
    attacker: Attacker, split: Split, half: float, options: AdversarialOptions, whole: Tensor, seed: int
) -> dict[str, Array]:
    """Answers under each control; those at `half` only where there is one."""

    def under(attack: Attack, right: Tensor = whole) -> Tensor:
        return attacker.survive(split, attack, right, seed)

    found = {WHOLE_RANGE: under(attacker.pgd(LEVELS, options.steps))}
    if not np.isnan(half):
        found |= {name: under(_attack(attacker, name, half, options)) for name in (PGD, FGSM, NOISE)}
        found[MORE_STEPS] = under(attacker.pgd(half, 2 * options.steps))
        left = found[PGD]
        for start in range(1, options.restarts):
            left = under(attacker.pgd(half, options.steps, start), left)
        found[RESTARTS] = left
    return {name: right.double().numpy() for name, right in found.items()}


def _silent(attacker: Attacker, split: Split, whole: Tensor) -> float:
    """Share of the images that are read correctly at which the gradient is zero; 0 where there are none."""
    gone: list[bool] = []

    def ask(images: Tensor, labels: Tensor, seeds: Tensor) -> Tensor:
        gone.extend((attacker.gradient(images, labels, seeds).flatten(1) == 0).all(1).tolist())
        return images

    attacker.survive(split, ask, whole)
    return float(np.mean(gone)) if gone else 0.0
