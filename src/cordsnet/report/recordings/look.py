"""The page of a quick look at a recording: facts, rasters, courses, reliabilities, ceilings."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cordsnet.neural import Check, NoiseCeiling, Overview, ReliabilityStatus
from cordsnet.report.page import Section, Table, write_page
from cordsnet.report.recordings.look_figures import (
    courses_figure,
    has_gaps,
    levels_figure,
    population_figure,
    rasters_figure,
    reliability_figure,
    tuning_figure,
    tuning_parts,
)

PAGE = "look.html"
INTRODUCTION = "A look at a recording before anything is fitted to it. Nothing here is corrected or left out by itself."


def write_look(found: Overview, check: Check, folder: Path, title: str, image_ms: float | None = None) -> Path:
    """Write the page of a recording into a folder, with its figures as files beside it. Returns its path.

    Parameters
    ----------
    found : result of `recording_overview`.
    check : result of `check_recording`.
    folder : made if it is not there.
    title : such as the name of the file.
    image_ms : how long an image was shown, ms, for the bar of the stimulus; None where it is not known.
    """
    parts = [_facts(found, check), _wrong(check)]
    if found.shape[2] > 1:
        parts += [*_rasters(found, image_ms), *_courses(found, image_ms)]
    else:
        span = f"{found.bins_ms[0, 0]:g} to {found.bins_ms[0, 1]:g} ms"
        parts.append(
            Section("Course in time", f"The recording has one bin, {span}, so it has no rasters and no courses.")
        )
    parts += [*_reliability(found), _levels(found), *_tuning(found)]
    footer = "Figures are PNG and PDF files in figures/ beside this page."
    return write_page(Path(folder) / PAGE, title, INTRODUCTION, parts, footer)


def facts(found: Overview) -> list[tuple[str, str]]:
    """Numbers of images, repeats, bins, neurons and silent neurons, and ceilings, as words."""
    images, _, bins, neurons = found.shape
    low, middle, high = found.repeats
    unit = "in the unit of the recording" if found.unit == "other" else "spikes/s"
    known = found.level[~np.isnan(found.level)]
    quartiles = ", ".join(f"{one:.3g}" for one in np.percentile(known, [25, 50, 75]))
    rows = [
        ("images", f"{images:,}"),
        ("neurons", f"{neurons:,}"),
        ("neurons that never respond", _silent(found)),
        ("time bins", f"{bins:,}"),
        ("repeats of an image", f"{low}" if low == high else f"{low} to {high}, median {middle:g}"),
        ("absent responses", f"{100 * found.absent:.1f} %"),
        (f"mean response, quartiles over neurons ({unit})", quartiles),
    ]
    return rows + ceilings(found)


def ceilings(found: Overview) -> list[tuple[str, str]]:
    """Reliabilities and noise ceilings as words, or why there are none."""
    ceiling, window = found.ceiling, found.window
    if ceiling.status is not ReliabilityStatus.COMPUTED:
        return [("noise ceiling", ceiling.status.value)]
    span = f"{found.window_ms[0]:g} to {found.window_ms[1]:g} ms"
    rows = [
        (f"split-half r, {span}, median over neurons", f"{_median(window.half_r[0]):.2f}"),
        (f"reliability (Spearman-Brown), {span}, median over neurons", f"{_median(window.value[0]):.2f}"),
    ]
    if len(found.bins_ms) == 1:
        return [*rows, ("noise ceiling", _with_interval(ceiling, "pooled"))]
    return [
        *rows,
        ("noise ceiling, all bins pooled", _with_interval(ceiling, "pooled")),
        ("noise ceiling, each bin's mean removed", _with_interval(ceiling, "centred")),
    ]


def _facts(found: Overview, check: Check) -> Section:
    rows = [*facts(found), *(("", sentence) for sentence in check.understood)]
    looked = [("looked at", note) for note in found.notes]
    return Section("What the recording holds", "", tables=(Table(("", "found"), [*rows, *looked], words=True),))


def _wrong(check: Check) -> Section:
    rows = [(one.level, one.where, one.sentence) for one in check.findings]
    if not rows:
        return Section("What looks wrong", "Nothing looks wrong.")
    return Section("What looks wrong", "", tables=(Table(("", "where", "finding"), rows, words=True),))


def _rasters(found: Overview, image_ms: float | None) -> list[Section]:
    if not found.rasters:
        return []
    trials = max(len(one.responses) for one in found.rasters)
    durations = np.diff(found.fine_ms, axis=1)[:, 0]
    gaps = " Sand: time without a bin." if has_gaps(found) else ""
    drawn = "Every tick is a bin with a spike" if durations.max() <= 2 and found.unit == "count" else "Darker: more"
    averaged = " The recording has no repeats, so that a row is an image." if found.shape[1] == 1 else ""
    text = (
        f"{drawn}; a row is a trial, up to {trials} of images that were drawn at random, those of one image together. "
        f"Bins of {durations.min():g} ms; neurons were drawn at random from those that respond.{averaged}{gaps} "
        f"{_onset(image_ms).replace('bar: the', 'dotted: its end after')}"
    )
    return [Section("Rasters", text, rasters_figure(found, image_ms), name="rasters")]


def _courses(found: Overview, image_ms: float | None) -> list[Section]:
    count = f"{len(found.neurons)} neurons" if len(found.neurons) < found.shape[3] else "all neurons"
    whole = (
        f"Mean over images and repeats, then over {count}; band: 95 % interval over neurons by Student's t. "
        f"{_onset(image_ms)}{_joined(found)}"
    )
    single = (
        f"Mean over images and repeats of {len(found.sample)} neurons that were drawn from those that respond; bands: "
        f"95 % intervals over images. Scales differ. {_onset(image_ms)}{_joined(found)}"
    )
    return [
        Section("Course of the population", whole, population_figure(found, image_ms), name="population"),
        Section("Courses of single neurons", single, courses_figure(found, image_ms), name="courses"),
    ]


def _reliability(found: Overview) -> list[Section]:
    title = "Reliability and noise ceiling"
    if found.ceiling.status is not ReliabilityStatus.COMPUTED:
        return [Section(title, f"{found.ceiling.status.value.capitalize()}.")]
    span = f"{found.window_ms[0]:g} to {found.window_ms[1]:g} ms"
    side = "Left: c" if len(found.bins_ms) > 1 else "C"
    text = (
        f"{side}orrelation over images of the means of random halves of the repeats, and the same corrected to all "
        f"repeats by the Spearman-Brown formula, of responses averaged over {span}; {len(found.neurons)} neurons, "
        f"{found.window.n} splits. "
    )
    if len(found.bins_ms) > 1:
        text += (
            "Right: the corrected one in each bin; median and quartiles over neurons, and the noise ceiling with its "
            f"95 % interval over images.{_joined(found)}"
        )
    return [Section(title, text, reliability_figure(found), name="reliability")]


def _levels(found: Overview) -> Section:
    text = "Mean response of every neuron."
    if found.fano is not None:
        text += (
            " Fano factor: variance of counts over repeats by their mean, 1 for a Poisson process (dashed), in "
            f"{found.window_ms[0]:g} to {found.window_ms[1]:g} ms."
        )
    if found.drift is not None:
        text += (
            " Change: response of each repeat, in the order of the file, less the mean of its image, in percent of the "
            "mean of the neuron; mean and 95 % interval over neurons. A trend is drift, adaptation, or sorted trials."
        )
    return Section("Levels, noise and drift", text, levels_figure(found), name="levels")


def _tuning(found: Overview) -> list[Section]:
    if found.tuning is None:
        return [Section("Selectivity", "Without two repeats, tuning cannot be told from noise, so none is drawn.")]
    text = (
        "Images are sorted by the response in one random half of the repeats, and drawn with that in the other, so "
        f"that noise makes no slope. Line: means of {tuning_parts(found.tuning.shape[2])} parts of the images. Neurons "
        f"({len(found.sample)}) were drawn at random from those that respond."
    )
    return [Section("Selectivity", text, tuning_figure(found), name="selectivity")]


def _onset(image_ms: float | None) -> str:
    if image_ms is None:
        return "Dashed: onset of the image; how long it stays is not known (--image_ms)."
    return f"Dashed: onset of the image; bar: the {image_ms:g} ms for which it stays."


def _joined(found: Overview) -> str:
    return "".join(f" {note[0].upper()}{note[1:]}." for note in found.notes if "bin" in note and note[:7] != "rasters")


def _silent(found: Overview) -> str:
    if not found.silent:
        return "0"
    return f"{len(found.silent):,}: {_some(found.silent)}"


def _some(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float("nan")


def _with_interval(ceiling: NoiseCeiling, name: str) -> str:
    value, ends = getattr(ceiling, name), getattr(ceiling, f"{name}_interval")
    return f"{value:.2f}" if ends is None else f"{value:.2f} [{ends[0]:.2f}, {ends[1]:.2f}]"
