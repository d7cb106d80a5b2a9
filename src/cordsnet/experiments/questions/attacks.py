"""Attacks on models through all of their steps: single-step, iterated, and random noise of the same norm."""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import TypeAlias

import torch
from torch import Tensor

from cordsnet._checks import check_count
from cordsnet.data import Split
from cordsnet.dynamics.noise import normal
from cordsnet.experiments.questions.viewing import Viewing
from cordsnet.experiments.questions.worse_images import TOGETHER, image_seeds
from cordsnet.experiments.reading import pixel_range

LEVELS = 255
"""Levels of 8-bit pixels, in which the strength of attacks is given."""

STEP = 2.5
"""Length of all steps of an iterated attack together, in radii of the ball (Madry et al. 2018)."""

NOISE_STREAM, START_STREAM = 1, 2

Attack: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Images [B, C, H, W], their labels [B] and a seed for each [B] -> images that are to be misread."""


@dataclass(frozen=True)
class Pixels:
    """Conversion between pixel values from 0 to 1 and the images that a model reads.

    Attributes
    ----------
    mean, std : of every channel [C, 1, 1]; an image is (pixel - mean) / std.
    bounded : True if attacked pixels are kept from 0 to 1.
    """

    mean: Tensor
    std: Tensor
    bounded: bool = True

    @classmethod
    def of_split(cls, split: Split) -> "Pixels":
        """Those of a split. Pixels are bounded unless those of the split itself are not from 0 to 1."""
        images = next(split.batches(1))[0]
        known = split.normalise
        mean, std = (
            images.new_full((images.shape[1], 1, 1), plain)
            if known is None
            else images.new_tensor(getattr(known, name))[:, None, None]
            for name, plain in (("mean", 0.0), ("std", 1.0))
        )
        return cls(mean, std, pixel_range(split).inside)

    def of(self, images: Tensor) -> Tensor:
        """Pixel values of images [B, C, H, W]."""
        return images * self.std + self.mean

    def images(self, pixels: Tensor) -> Tensor:
        """Images of pixel values [B, C, H, W]."""
        return (pixels - self.mean) / self.std

    def within(self, images: Tensor, centre: Tensor, epsilon: float) -> Tensor:
        """The nearest images that differ from others [B, C, H, W] by at most `epsilon` levels in every pixel."""
        reach = epsilon / LEVELS * self.std.reciprocal()
        kept = torch.maximum(torch.minimum(images, centre + reach), centre - reach)
        if not self.bounded:
            return kept
        black, white = self.images(torch.zeros_like(self.mean)), self.images(torch.ones_like(self.mean))
        return torch.maximum(torch.minimum(kept, white), black)


@dataclass(frozen=True)
class Attacker:
    """A model through which attacks are made, in evaluation mode, and its pixels.

    Gradients are those of the largest score of another class less that of the image's own, at the end of the image
    (Carlini & Wagner 2017), through every step: they do not vanish where a softmax is saturated. No gradient reaches
    the weights.
    """

    viewing: Viewing
    pixels: Pixels

    def gradient(self, images: Tensor, labels: Tensor, seeds: Tensor) -> Tensor:
        """Gradient [B, C, H, W] of how far each image is from being read correctly."""
        shown = images.detach().requires_grad_()
        with torch.enable_grad():
            scores = self.viewing.scores(self.viewing.held(shown), seeds)
            own = scores.gather(1, labels[:, None])[:, 0]
            others = scores.scatter(1, labels[:, None], -torch.inf).amax(1)
            return torch.autograd.grad((others - own).sum(), shown)[0]

    def fgsm(self, epsilon: float) -> Attack:
        """One step along the sign of the gradient (Goodfellow et al. 2015), of `epsilon` levels in every pixel."""

        def attack(images: Tensor, labels: Tensor, seeds: Tensor) -> Tensor:
            return self._stepped(images, images, self.gradient(images, labels, seeds), epsilon, epsilon)

        return attack

    def pgd(self, epsilon: float, steps: int, start: int = 0) -> Attack:
        """Iterate steps along the sign of the gradient, within `epsilon` levels of the image (Madry et al. 2018).

        Parameters
        ----------
        epsilon : largest change of a pixel, in levels.
        steps : number of steps, each of 2.5 epsilon / steps.
        start : number of the random start, which is uniform within the same bounds and depends on the image's seed.
        """
        check_count(steps, "steps", 1)

        def attack(images: Tensor, labels: Tensor, seeds: Tensor) -> Tensor:
            drawn = torch.erf(_drawn(images, seeds, START_STREAM + start) / sqrt(2))  # uniform from -1 to 1
            found = self._moved(images, images, drawn, epsilon, epsilon)
            for _ in range(steps):
                found = self._stepped(
                    found, images, self.gradient(found, labels, seeds), STEP * epsilon / steps, epsilon
                )
            return found

        return attack

    def noise(self, epsilon: float) -> Attack:
        """Change every pixel by `epsilon` levels, up or down at random: the norm of `fgsm` without its direction."""

        def attack(images: Tensor, labels: Tensor, seeds: Tensor) -> Tensor:
            drawn = _drawn(images, seeds, NOISE_STREAM)
            return self._stepped(images, images, drawn, epsilon, epsilon)

        return attack

    def survive(
        self, split: Split, attack: Attack, right: Tensor | None = None, seed: int = 0, together: int = TOGETHER
    ) -> Tensor:
        """True where an image is still read correctly under an attack [B].

        Parameters
        ----------
        split : images and labels.
        attack : made through this model, or another.
        right : True for images that are read correctly so far [B], None for all; others are not attacked.
        seed : of what is drawn.
        together : images that are attacked together, which changes nothing but rounding.
        """
        left = torch.ones(len(split), dtype=torch.bool) if right is None else right.clone()
        rows = left.nonzero()[:, 0]
        for some in torch.split(rows, together) if len(rows) else ():
            part = split.pick(some)
            images, labels, seeds = part.images, part.labels, image_seeds(part, seed)
            with torch.no_grad():
                attacked = attack(images, labels, seeds)
                scores = self.viewing.scores(self.viewing.held(attacked), seeds)
            left[some] = (scores.argmax(1) == labels).cpu()
        return left

    def _stepped(self, images: Tensor, centre: Tensor, along: Tensor, size: float, epsilon: float) -> Tensor:
        return self._moved(images, centre, along.sign(), size, epsilon)

    def _moved(self, images: Tensor, centre: Tensor, by: Tensor, size: float, epsilon: float) -> Tensor:
        moved = images + size / LEVELS * by * self.pixels.std.reciprocal()
        return self.pixels.within(moved, centre, epsilon)


def transferred(source: Attacker, target: Attacker, attack: Attack) -> Attack:
    """An attack that is made through one model, as images of another; pixels go from one to the other."""

    def made(images: Tensor, labels: Tensor, seeds: Tensor) -> Tensor:
        own = source.pixels.images(target.pixels.of(images))
        return target.pixels.images(source.pixels.of(attack(own, labels, seeds)))

    return made


def _drawn(images: Tensor, seeds: Tensor, stream: int) -> Tensor:
    return normal(seeds, stream, 0, tuple(images.shape[1:]), images.dtype)
