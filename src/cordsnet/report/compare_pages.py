"""Pages of a comparison and of its cells; that of a figure of the paper shows the figures of its cells."""

from collections.abc import Mapping
from pathlib import Path

from cordsnet._files import write_whole
from cordsnet.experiments import Result, read_result
from cordsnet.report.compare import PAGE, closing, matrix, opening
from cordsnet.report.crosstable import CELLS, crosstable
from cordsnet.report.page import SHOWN_DPI, Panel, Section, Table, render
from cordsnet.report.rows import models_of, values_of
from cordsnet.report.titles import experiment_title
from cordsnet.report.writer import claims_section, sections_of, summary_of, write_result

MOST = 6
"""Models whose figures stand on one page."""


def write_comparison(result: Result, folder: str | Path) -> tuple[Path, tuple[str, ...]]:
    """Write the page of every cell that has none yet, that of the comparison as `write_result` does, and `cells.md`."""
    folder = Path(folder)
    for name in dict.fromkeys(str(cell["folder"]) for cell in result.rows("cells")):
        page = folder / name / PAGE
        if not page.is_file() or page.stat().st_mtime < (folder / name / "result.json").stat().st_mtime:
            write_result(read_result(folder / name), folder / name)
    write_whole(folder / CELLS, crosstable(result).encode())
    return write_result(result, folder, figure_sections(result, folder) if result.meta.get("figure") else None)


def figure_sections(result: Result, folder: Path) -> list[Section]:
    """Sections of the page of a figure of the paper: for each experiment its claims and the figures of its cells.

    Parameters
    ----------
    result : of a comparison.
    folder : its folder, which holds the results of its cells and their figures.
    """
    found = [opening(result, "at the end of this page")]
    for experiment in values_of(result, "cells", "experiment"):
        places = _places(result, experiment)
        cells = {model: read_result(folder / place) for model, place in list(places.items())[:MOST]}
        panels = _panels(cells, {model: folder / place for model, place in places.items()}, _runs(result))
        tables = (matrix(result, experiment), *(() if panels else _joined(cells)))
        found.append(Section(experiment_title(experiment), _about(len(places), panels), tables=tables, panels=panels))
    return [*found, *closing(result), claims_section(result)]


def _about(models: int, panels: tuple[Panel, ...]) -> str:
    """Say of how many models figures are shown where these are not all."""
    shown = "figures" if panels else "numbers"
    if models <= MOST:
        return ""
    return (
        f"The {shown} of the first {MOST} of {models} models are shown here; those of the others are on pages of "
        "their own, to which the cells of the table lead."
    )


def _places(result: Result, experiment: str) -> dict[str, str]:
    """Model -> folder of its cell, of the first of its networks, in the order of the models."""
    found = {str(cell["model"]): str(cell["folder"]) for cell in result.rows("cells", experiment=experiment)[::-1]}
    return {model: found[model] for model in models_of(result, "models") if model in found}


def _runs(result: Result) -> dict[str, int]:
    """Model -> number of its networks."""
    return {str(row["model"]): int(row.get("runs", 1)) for row in result.rows("models")}


def _panels(cells: Mapping[str, Result], folders: Mapping[str, Path], runs: Mapping[str, int]) -> tuple[Panel, ...]:
    """Every figure of the cells; the same figure of one model after the other."""
    groups: dict[str, list[Panel]] = {}
    seen: set[str] = set()
    for model, cell in cells.items():
        whose = f"{model}, first of {runs[model]} networks" if runs[model] > 1 else model
        for section in sections_of(cell):
            if section.figure is None:
                continue
            named = any(label in section.title for label in map(str, cell.meta.get("models", {})))
            title = section.title if named else f"{section.title}, {whose}"
            if title in seen:  # of a static model that stands beside several
                continue
            seen.add(title)
            kept = folders[model] / "figures" / f"{section.name}.png"
            png = kept.read_bytes() if kept.is_file() else render(section.figure, "png")
            width = round(section.figure.get_figwidth() * SHOWN_DPI)
            groups.setdefault(section.name, []).append(Panel(title, png, width, section.text))
    return tuple(panel for panels in groups.values() for panel in panels)


def _joined(cells: Mapping[str, Result]) -> tuple[Table, ...]:
    """The numbers of all cells of an experiment without figures, as one table for each kind of head."""
    rows: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for cell in cells.values():
        table = summary_of(cell)
        kept = rows.setdefault(tuple(table.heads), [])
        kept += [row for row in map(tuple, table.rows) if row not in kept]
    return tuple(Table(heads, body) for heads, body in rows.items())
