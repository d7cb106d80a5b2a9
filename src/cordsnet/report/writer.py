"""The one writer of results: data, figures, page and table of every experiment."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from cordsnet._files import write_whole
from cordsnet.experiments import Claim, Result, write_data
from cordsnet.report.page import Section, Table, as_table, markdown, write_page
from cordsnet.report.printed import by_claim, counts_of, measured
from cordsnet.report.titles import title_of

REPORTS = {
    "adversarial": "questions.adversarial",
    "coarse_steps": "questions.coarse_steps",
    "coarse_training": "questions.coarse_training",
    "dense_networks": "questions.dense_networks",
    "adaptation": "effects.adaptation",
    "attribution": "effects.attribution",
    "compare": "compare",
    "contraction": "ablations",
    "degraded": "questions.degraded",
    "demo": "demo",
    "fewer_steps": "ablations",
    "gradient_rules": "questions.gradient_rules",
    "hard_images": "questions.hard_images",
    "inverse_init": "inverse_init",
    "latency": "effects.latency",
    "log_weights": "ablations",
    "loss_terms": "ablations",
    "challenge": "challenge",
    "challenge_models": "challenge_models",
    "masking_models": "masking_models",
    "masking_people": "masking_people",
    "mixtures": "effects.mixtures",
    "neural_between": "recordings.neural_between",
    "neural_decoding": "recordings.neural_decoding",
    "neural_scores": "recordings.neural_scores",
    "neural_straightening": "recordings.neural_straightening",
    "noise": "noise",
    "portrait": "portrait",
    "precision": "precision",
    "reaction_time": "reaction_time",
    "readout_zones": "effects.readout_zones",
    "second_image": "second_image",
    "speed": "effects.speed",
    "serial_presentation": "effects.serial_presentation",
    "spontaneous_or_decay": "questions.spontaneous_or_decay",
    "spontaneous_weight": "ablations",
    "steppers": "steppers",
    "summation": "effects.summation",
    "table1": "table1",
    "temporal_tasks": "questions.temporal_tasks",
    "dynamical_regimes": "cognition.dynamical_regimes",
    "expressivity": "cognition.expressivity",
    "held_attractors": "cognition.held_attractors",
    "pixel_tasks": "cognition.pixel_tasks",
    "time_course": "time_course",
    "top_area": "ablations",
    "weight_decay": "ablations",
}
"""Experiment -> module of its `sections` and `summary`, imported when asked for; others get plain tables."""

TABLE, PAGE, FIGURES = "table.md", "report.html", ("png", "pdf")
RULE = (
    "Declared in code; changes after a first look are listed in docs/results/experiments.md. A claim holds when its "
    "whole 95 % interval lies in the expected range and fails when none of it does; without an interval it is "
    "undecided, unless it is about this very network."
)


def write_result(
    result: Result, folder: str | Path, sections: Sequence[Section] | None = None
) -> tuple[Path, tuple[str, ...]]:
    """Write everything of a result into a folder, each file whole or not at all.

    `result.json` holds tables, claims and metadata, `arrays.nc` the arrays, `tables/NAME.parquet` each table; there are
    `report.html`, its figures as PNG and PDF, and `table.md` with the table that commands print. Tables and arrays of
    a result that was in the folder before are removed; other figures stay, and are named.

    Parameters
    ----------
    result, folder : what is written, and where.
    sections : of the page; None is the claims and what the experiment shows.

    Returns
    -------
    Path of the page, and one sentence for each kind of file that needs a library that is not installed, and on figures
    that are not of this result.
    """
    folder = Path(folder)
    missing = write_data(result, folder)
    write_whole(folder / TABLE, markdown(summary_of(result)).encode())
    parts = [claims_section(result), *sections_of(result)] if sections is None else sections
    page = write_page(
        folder / PAGE,
        title_of(result),
        f"{result.meta.get('description', '')} {_models(result)}".strip(),
        parts,
        f"{_footer(result)} All numbers are in result.json beside this page.",
    )
    return page, (*missing, *_older(folder / "figures", parts))


def _older(figures: Path, sections: Sequence[Section]) -> tuple[str, ...]:
    """A sentence where a folder holds other figures, which may be anybody's and are not removed."""
    own = {section.name for section in sections if section.figure is not None}
    others = sorted(path.name for kind in FIGURES for path in figures.glob(f"*.{kind}") if path.stem not in own)
    which = f"and {len(others) - 1} more are" if len(others) > 1 else "is"
    return (f"{figures / others[0]} {which} not of this result; remove what you do not need",) if others else ()


def sections_of(result: Result) -> list[Section]:
    """The sections of an experiment, or each table as it is where none are written for it."""
    module = _module(result)
    if module is not None:
        found: list[Section] = module.sections(result)
        return found
    return [
        Section(name.replace("_", " ").capitalize(), "", tables=(as_table(rows),))
        for name, rows in result.tables.items()
    ]


def summary_of(result: Result) -> Table:
    """The table that commands print: that of the experiment, or the claims where none is written for it."""
    module = _module(result)
    if module is not None:
        found: Table = module.summary(result)
        return found
    return claims_table(result.claims)


def claims_section(result: Result) -> Section:
    """All claims with their verdicts."""
    grouped = tuple(claim for claims in by_claim(result.claims) for claim in claims)
    counts = f"{counts_of(grouped)}. " if grouped else ""
    return Section("Claims", counts + RULE, tables=(claims_table(grouped),))


def claims_table(claims: tuple[Claim, ...]) -> Table:
    """Statement, measurement with interval and n, expectation, verdict and source of every claim."""
    rows = [
        (
            f"{claim.statement}{f' ({claim.subject})' if claim.subject else ''}",
            claim.measure,
            measured(claim),
            str(claim.expected),
            claim.verdict,
            claim.source,
        )
        for claim in claims
    ]
    return Table(("claim", "measure", "found", "holds if", "verdict", "source"), rows, words=True)


def _module(result: Result) -> ModuleType | None:
    name = REPORTS.get(str(result.meta.get("experiment")))
    return None if name is None else importlib.import_module(f"cordsnet.report.{name}")


def _models(result: Result) -> str:
    parts = []
    for label, row in result.meta.get("models", {}).items():
        trained = f", trained on {row['trained_on']}" if row.get("trained_on") else ""
        shown = f"; images of {row['data']}" if "data" in row else ""
        parts.append(f"{label}: {row['kind']} with {row['parameters']:,} parameters{trained}{shown}.")
    return " ".join(parts)


def _footer(result: Result) -> str:
    meta: dict[str, Any] = dict(result.meta)
    if "versions" not in meta:
        return ""
    versions, machine = meta["versions"], meta["machine"]
    device = machine["gpu"] or f"{machine['cores']} cores ({machine['processor']})"
    options = ", ".join(f"{name} {value}" for name, value in meta["options"].items())
    return (
        f"cordsnet {versions['cordsnet']}, torch {versions['torch']}, Python {versions['python']}, {device}; seed "
        f"{meta['seed']}; {meta['seconds']:.0f} seconds, begun {meta['started']}. Options: {options}."
    )
