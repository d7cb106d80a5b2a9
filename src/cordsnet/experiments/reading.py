"""Check that a model reads the whole images of a run, which claims about its answers take for granted."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.data import Split
from cordsnet.experiments.claims import Claim, Measured
from cordsnet.experiments.intervals import share
from cordsnet.experiments.needs import classifies_images
from cordsnet.experiments.questions.viewing import look
from cordsnet.experiments.questions.worse_images import TOGETHER
from cordsnet.models import VisionModel

SLACK = 1e-4
"""Distance from 0-1 that pixels may have from rounding."""


@dataclass(frozen=True)
class WholeImages:
    """Result of the check that a model reads the whole, unperturbed images of a run.

    Attributes
    ----------
    reads : False if it reads them no better than chance, gives one answer to all, or is shown one image alone.
    notes : a sentence on each of that, on images that are not as pixels are, and on what could not be checked.
    """

    reads: bool
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class PixelRange:
    """Pixels of a split, before normalisation.

    Attributes
    ----------
    low, high : the smallest and the largest of them.
    same : True if all images are the same.
    """

    low: float
    high: float
    same: bool

    @property
    def inside(self) -> bool:
        """True if all lie from 0 to 1."""
        return self.low >= -SLACK and self.high <= 1 + SLACK


@check_arguments
def check_reading(
    label: str,
    model: VisionModel,
    split: Split,
    image_ms: float | None = None,
    seed: int = 0,
    claims: bool = True,
) -> WholeImages:
    """Show a model the whole images of a run, and judge whether it reads them.

    It does not where the 95 % interval of its accuracy (Wilson's) includes the accuracy of guessing, 1 / classes, or
    lies below it; where it gives one answer to images of several classes; and where all images are the same. Of a model
    without class scores the last is checked alone.

    Parameters
    ----------
    label : name of the model in the notes.
    model : in evaluation mode.
    split : the images.
    image_ms : how long they are shown from the model's own start; None is the model's own time.
    seed : of private noise.
    claims : True if the notes say that claims are not measured.
    """
    pixels = pixel_range(split)
    notes = about_pixels(model, split, pixels)
    why = f"{label} is shown {len(split)} images that are all the same" if pixels.same and len(split) > 1 else ""
    if not classifies_images(model):
        viewing = look(model, split, image_ms)
        answers = viewing.answers(split, lambda images, _: viewing.held(images), seed)
        why = _why_unread(label, answers, split.labels.cpu(), int(model.num_classes), why)
    elif claims and not why:
        notes = (*notes, f"{label} has no class scores, so it is not known whether it reads the images")
    if not why:
        return WholeImages(True, notes)
    ending = ", so claims that need a network that reads them are not measured" if claims else ""
    return WholeImages(False, (why + ending, *notes))


@check_arguments
def without_readers(claims: Iterable[Claim], names: Sequence[str], unread: Sequence[str]) -> tuple[Claim, ...]:
    """Claims without the measurements of those of the given names about models that do not read their images.

    Parameters
    ----------
    claims : of all models, and of pairs of them.
    names : of the claims that need a model that reads its images; both models of a pair.
    unread : labels of models that do not.
    """
    return tuple(
        replace(claim, value=None, interval=None, n=None)
        if claim.name in names and any(_is_about(claim.subject, label) for label in unread)
        else claim
        for claim in claims
    )


@check_arguments
def after_control(claims: Sequence[Claim], control: str, chance: float) -> tuple[tuple[Claim, ...], tuple[str, ...]]:
    """Claims about one model that rest on a read-out of its own, and a note where that is not above chance.

    Parameters
    ----------
    claims : all of the model, measured.
    control : name of the one that measures accuracy on whole images less chance; the others are not measured unless its
        interval lies above 0.
    chance : accuracy of guessing.
    """
    (own,) = (claim for claim in claims if claim.name == control)
    less = Measured(math.nan if own.value is None else own.value, own.interval, own.n)
    if not _may_be(less, 0.0):
        return tuple(claims), ()
    others = tuple(claim.name for claim in claims if claim.name != control)
    found = f"{100 * (less.value + chance):.3g} %"
    said = (
        f"a read-out of {own.subject} reads whole images not surely better than chance, {found} of "
        f"{own.n} {own.of} (chance {100 * chance:.3g} %), so claims that need one that does are not measured"
    )
    return without_readers(claims, others, (own.subject,)), (said,)


@check_arguments
def pixel_range(split: Split) -> PixelRange:
    """Measure the pixels of a split, with its normalisation undone."""
    low, high, same = float("inf"), float("-inf"), True
    first = None
    for images, _ in split.batches(TOGETHER):
        pixels = _pixels(images, split)
        first = images[:1] if first is None else first
        same = same and bool((images == first).all())
        low, high = min(low, float(pixels.min())), max(high, float(pixels.max()))
    return PixelRange(low, high, same)


@check_arguments
def about_pixels(model: VisionModel, split: Split, pixels: PixelRange) -> tuple[str, ...]:
    """One sentence where pixels are not from 0 to 1, or not normalised for a network of unknown training; or none."""
    known = model.metadata.get("data")
    unknown = not (isinstance(known, Mapping) and known.get("mean"))
    loose = split.normalise is None and unknown
    if pixels.inside and not loose:
        return ()
    said = f"pixels of its images are from {pixels.low:.3g} to {pixels.high:.3g}"
    said += "" if pixels.inside else " instead of 0 to 1"
    if loose:
        said += " and not normalised, and the network does not say how those of its training were"
    return (said,)


def describe_images(model: VisionModel, split: Split, data: str) -> str:
    """Describe what a model was shown, and how: data set, images, classes, normalisation, precision, dt and tau."""
    labels = sorted(set(split.labels.tolist()))
    classes = f"classes {', '.join(map(str, labels[:10]))}{', ...' if len(labels) > 10 else ''}"
    normalise = split.normalise
    numbers = "not normalised"
    if normalise is not None:
        mean, std = (", ".join(f"{value:.3g}" for value in part) for part in (normalise.mean, normalise.std))
        numbers = f"normalised with mean {mean} and s.d. {std}"
    tau = getattr(model.spec, "tau_ms", None)
    constant = f", tau {tau:g} ms" if isinstance(tau, int | float) else ""
    precision = str(model.like.dtype).removeprefix("torch.")
    height, width = split.shape[1:]
    return (
        f"shown {len(split)} test images of {data or 'the data given'} ({height} x {width} px, {classes}), {numbers}; "
        f"{precision}, dt {model.dt_ms:g} ms{constant}"
    )


def _why_unread(label: str, answers: Tensor, labels: Tensor, classes: int, same: str) -> str:
    """Say why a model does not read images, by its answers [B] to them; "" where it does."""
    hits, n = int((answers == labels).sum()), len(labels)
    measured, chance = share(hits, n), 1 / classes
    assert measured.interval is not None
    low, high = (100 * end for end in measured.interval)
    found = f"{hits} of {n} ({100 * measured.value:.3g} % [{low:.3g}, {high:.3g}], chance {100 * chance:.3g} %)"
    if same:
        return f"{same}, and reads {found}"
    if len(torch.unique(answers)) == 1 and len(torch.unique(labels)) > 1:
        return f"{label} gives one answer to all whole images, and reads {found}"
    if _may_be(measured, chance):
        return f"{label} reads whole images not surely better than chance, {found}"
    return ""


def _may_be(accuracy: Measured, chance: float) -> bool:
    """True unless the interval of an accuracy lies above chance."""
    return accuracy.interval is None or accuracy.interval[0] <= chance


def _is_about(subject: str, label: str) -> bool:
    """True if a claim is about a model, or about a pair with it."""
    return subject == label or subject.startswith(f"{label} against ") or subject.endswith(f" against {label}")


def _pixels(images: Tensor, split: Split) -> Tensor:
    """Pixel values of images [B, C, H, W]."""
    if split.normalise is None:
        return images
    mean, std = (images.new_tensor(values)[:, None, None] for values in (split.normalise.mean, split.normalise.std))
    return images * std + mean
