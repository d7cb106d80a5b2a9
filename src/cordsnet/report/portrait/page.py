"""The page of a portrait."""

import json
from pathlib import Path
from typing import Any

from cordsnet._files import write_whole
from cordsnet._version import __version__
from cordsnet.experiments.portrait import Portrait
from cordsnet.report.page import Section, Table, write_page
from cordsnet.report.portrait import figures, tables


def write_portrait(found: Portrait, output: str | Path) -> Path:
    """Write `report.html`, its figures, and every eigenvalue in `spectra.json` into a folder; returns the page."""
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "spectra.json", json.dumps(_numbers(found), indent=1).encode())
    sections = [*_answers(found), *_spectra(found), *_paths(found), *_skipped(found)]
    introduction = (
        f"{found.model_name} as a dynamical system. Eigenvalues are of d phi(drive)/dr where the network has settled; "
        "a mode decays where its real part is below 1. Eigenvalues come with residuals, from products alone."
    )
    footer = (
        f"cordsnet {__version__}; seed {found.settings.seed}. Every eigenvalue is in spectra.json beside this page."
    )
    return write_page(folder / "report.html", f"Portrait of {found.model_name}", introduction, sections, footer)


def _answers(found: Portrait) -> list[Section]:
    """What the network does, in a word, and the proof if there is one."""
    sections = []
    if found.regime is not None:
        text = f"Probed with {found.regime.evidence.images} images: {found.regime.regime.value}. A sample, not a proof."
        sections.append(Section("Regime", text, tables=(tables.regime(found.regime),)))
    if found.certificate is not None:
        text = (
            "Proven: one attractor for every constant image."
            if found.certificate.certified
            else "Not certified: a bound is 1 or more, which proves nothing. The regime above is what was seen."
        )
        sections.append(Section("Certificate", text, tables=(tables.certificate(found.certificate),)))
    if found.attractors:
        text = (
            "Fixed points found from many starts by Newton's method, which finds unstable ones too; how many starts "
            "led to one says nothing of basins. A real part below 0 decays; more starts may find more."
        )
        sections.append(Section("Fixed points", text, tables=(tables.attractors(found.attractors),)))
    if found.exponents:
        text = "Mean growth of small disturbances along a trajectory; all below 0 at a fixed point, above 0 in chaos."
        sections.append(Section("Lyapunov exponents", text, tables=(tables.exponents(found.exponents),)))
    return sections


def _spectra(found: Portrait) -> list[Section]:
    if not found.areas:
        return []
    last = figures.states(found.areas)[-1]
    spectrum = (
        "Circles: eigenvalues of largest modulus; diamonds: of largest real part. Grey: the unit circle, and real part "
        "1, where a mode no longer decays. Bars: residual x modulus x condition, to first order; none where that is "
        "unknown or without bound."
    )
    steps = "Each dash is a mode; bars are what its error leaves open. A mode slower than tau is slowed by recurrence."
    return [
        Section("Slowest mode of each area", "", tables=(tables.leading(found.areas),)),
        Section("Spectra", spectrum, figures.spectra(found.areas), name="spectra"),
        Section("Time constants", steps, figures.ladder(found.areas), name="time_constants"),
        Section("Slowest modes", f"Energy over space, at {last}.", figures.modes(found.areas), name="modes"),
        Section(
            "Transient amplification",
            f"How much the pattern that grows most has grown, at {last}. Above 1: non-normal growth before decay.",
            figures.transients(found.areas),
            name="transients",
        ),
    ]


def _paths(found: Portrait) -> list[Section]:
    sections = []
    if found.patterns is not None:
        worst = float(found.patterns.residuals.max())
        text = (
            "Right singular vectors of the map from image to settled rates of the top area, at the first image, and by "
            f"how much each is amplified (largest residual {worst:.0e})."
        )
        sections.append(Section("Amplified patterns", text, figures.patterns(found.patterns), name="patterns"))
    if found.paths is not None:
        text = "Each line is the response to an image, from spontaneous activity; dots are where it is at the end."
        sections.append(Section("Trajectories", text, figures.trajectories(found), name="trajectories"))
    return sections


def _skipped(found: Portrait) -> list[Section]:
    if not found.skipped:
        return []
    table = Table(("part", "why"), list(found.skipped.items()))
    return [Section("Not measured", "Parts that do not apply to this network, or failed.", tables=(table,))]


def _numbers(found: Portrait) -> dict[str, Any]:
    rows = []
    for one in found.areas:
        for kind, pairs in (("largest modulus", one.largest), ("largest real part", one.slowest)):
            condition = [None] * len(pairs.values) if pairs.condition is None else pairs.condition.tolist()
            for value, residual, status, factor in zip(
                pairs.values.tolist(), pairs.residuals.tolist(), pairs.status, condition, strict=True
            ):
                row = {"state": one.where, "area": one.area, "of": kind, "real": value.real, "imaginary": value.imag}
                rows.append(row | {"residual": residual, "condition": factor, "status": status.name.lower()})
    return {"model": found.model_name, "eigenvalues": rows, "skipped": found.skipped}
