"""Objects behind bubbles, with a given share hidden, and phase-scrambled masks."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count

Pictures = NDArray[np.float64]

EDGE = 8 / 255
"""Pixels that differ from the ground by more are part of the object."""

TOLERANCE = 0.005
"""Largest difference between the share of an object that is hidden and the share that was asked for."""

HALVINGS = 60
"""Of the interval in which the width of the bubbles is looked for."""


@dataclass(frozen=True, eq=False)
class Occluded:
    """Objects behind bubbles.

    Attributes
    ----------
    images : [N, H, W]: image where a bubble shows it, ground elsewhere.
    hidden : share of each object that is hidden, mean over its pixels of 1 less how far each is shown [N].
    width : s.d. of the bubbles of each object, pixels [N].
    """

    images: Pictures
    hidden: NDArray[np.float64]
    width: NDArray[np.float64]


@check_arguments
def behind_bubbles(
    images: np.ndarray, hidden: np.ndarray, *, ground: float, bubbles: int = 4, seed: int = 0
) -> Occluded:
    """Show objects through Gaussian windows (Gosselin & Schyns, Vision Research 2001), so that a given share is hidden.

    The centres of the windows are drawn on the object. All windows of an object have one width, found by bisection.
    Where windows overlap, a pixel is hidden by the product of what each leaves hidden.

    Parameters
    ----------
    images : objects on a ground [N, H, W].
    hidden : share of each that is to be hidden [N], above 0 and at most 1.
    ground : value of the ground.
    bubbles : number of windows.
    seed : of their centres.

    Raises
    ------
    ValueError : shapes that do not fit, shares out of range, a picture without an object, or a share that is missed by
        more than 0.005.
    """
    check_count(bubbles, "bubbles", 1)
    pictures, wanted = np.asarray(images, dtype=np.float64), np.asarray(hidden, dtype=np.float64)
    if pictures.ndim != 3 or wanted.shape != pictures.shape[:1]:
        raise ValueError(
            f"hidden must be one share for each of images [N, H, W], got {list(wanted.shape)} and "
            f"{list(pictures.shape)}"
        )
    if not ((wanted > 0) & (wanted <= 1)).all():
        raise ValueError(f"hidden must be above 0 and at most 1, got {wanted.min():g} to {wanted.max():g}")
    objects = np.abs(pictures - ground) > EDGE
    if empty := np.flatnonzero(~objects.any((1, 2))).tolist():
        raise ValueError(f"images[{empty[0]}] shows nothing but the ground {ground:g}")
    distance = _distances(objects, bubbles, np.random.default_rng(seed))
    width = _widths(distance, objects, wanted)
    covered = _covered(distance, width)
    found = _share(covered, objects)
    missed = np.abs(found - wanted)
    if missed.max() > TOLERANCE:
        raise ValueError(
            f"hidden = {wanted[missed.argmax()]:g} cannot be reached for images[{missed.argmax()}]; nearest is "
            f"{found[missed.argmax()]:g}"
        )
    return Occluded(ground + (1 - covered) * (pictures - ground), found, width)


@check_arguments
def phase_scrambled(images: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Pictures [N, H, W] with the amplitude of each frequency, and the mean, of the given ones, and random phases.

    Phases are those of white noise, so that the pictures are real. Values are not clipped: they may leave the range of
    the given ones.
    """
    pictures = np.asarray(images, dtype=np.float64)
    if pictures.ndim != 3:
        raise ValueError(f"images must be [N, H, W], got {list(pictures.shape)}")
    noise = np.fft.fft2(np.random.default_rng(seed).normal(size=pictures.shape))
    phase = noise / np.abs(noise)
    phase[:, 0, 0] = 1
    amplitude = np.fft.fft2(pictures)
    amplitude[:, 1:, :], amplitude[:, 0, 1:] = np.abs(amplitude[:, 1:, :]), np.abs(amplitude[:, 0, 1:])
    return np.asarray(np.fft.ifft2(amplitude * phase).real)


@check_arguments
def of_mean_spectrum(images: np.ndarray) -> np.ndarray:
    """Pictures [N, H, W] that all have the mean amplitudes, over `images` [N, H, W], of each frequency."""
    amplitude = np.abs(np.fft.fft2(np.asarray(images, dtype=np.float64))).mean(0)
    return np.repeat(np.fft.ifft2(amplitude).real[None], len(images), 0)


def _distances(objects: NDArray[np.bool_], bubbles: int, rng: np.random.Generator) -> Pictures:
    """Squared distance of every pixel from every centre [N, bubbles, H, W]."""
    height, width = objects.shape[1:]
    rows, columns = np.arange(height)[:, None], np.arange(width)[None]
    found = np.empty((len(objects), bubbles, height, width))
    for k, one in enumerate(objects):
        places = np.argwhere(one)
        centres = places[rng.integers(len(places), size=bubbles)] + rng.uniform(-0.5, 0.5, (bubbles, 2))
        found[k] = [(rows - row) ** 2 + (columns - column) ** 2 for row, column in centres]
    return found


def _covered(distance: Pictures, width: NDArray[np.float64]) -> Pictures:
    """Return the degree of occlusion of each pixel [N, H, W]."""
    covered: Pictures = (1 - np.exp(-distance / (2 * width[:, None, None, None] ** 2))).prod(1)
    return covered


def _share(covered: Pictures, objects: NDArray[np.bool_]) -> NDArray[np.float64]:
    return np.asarray((covered * objects).sum((1, 2)) / objects.sum((1, 2)))


def _widths(distance: Pictures, objects: NDArray[np.bool_], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Width at which the share that is wanted is hidden; wider windows hide less."""
    low = np.full(len(wanted), np.log(1e-3))
    high = np.full(len(wanted), np.log(10.0 * max(objects.shape[1:])))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        too_narrow = _share(_covered(distance, np.exp(middle)), objects) > wanted
        low, high = np.where(too_narrow, middle, low), np.where(too_narrow, high, middle)
    return np.asarray(np.exp((low + high) / 2))
