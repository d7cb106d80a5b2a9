"""The figure of a comparison: rows are claims, in one block for each experiment; columns are models."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from cordsnet.experiments import Result
from cordsnet.experiments.claims import FAILS, HOLDS, UNDECIDED
from cordsnet.report.figures import BLUE, SMALL, VERMILION, WIDTH, inches
from cordsnet.report.rows import models_of, values_of

LEFT_OUT = "left out"
DRAWN = {HOLDS: ("+", BLUE), FAILS: ("-", VERMILION), UNDECIDED: ("?", "#D9D9D9"), LEFT_OUT: ("", "#FFFFFF")}
"""Verdict -> its sign, so that a figure can be read without its colours, and its colour."""

LETTERS = SMALL
CELL, ROW, HEAD, GAP, MARGIN = 0.3, 0.2, 0.26, 0.12, 0.1
"""Inches: width and height of a cell, height of the name of an experiment, between blocks, around all."""
TILT = math.radians(60)
"""Of the names of models."""
LONG, WIDEST = 7.0, 1.4 * WIDTH
"""Inches: height of a piece, under names of the models of its own; pieces stand side by side up to this width."""

KEY_HEIGHT = 0.3
KEY = "+ holds   - fails   ? undecided   blank: left out or not measured"


@dataclass(frozen=True)
class Block:
    """The claims of one experiment."""

    experiment: str
    claims: tuple[str, ...]

    @property
    def height(self) -> float:
        """Height with the space below it, inches."""
        return HEAD + ROW * len(self.claims) + GAP


def overview(result: Result) -> Figure:
    """Verdicts of all claims for all models; the size follows from their numbers and from the lengths of names."""
    models = models_of(result, "models")
    blocks = [
        Block(name, tuple(values_of(result, "cells", "claim", experiment=name)))
        for name in values_of(result, "cells", "experiment")
    ]
    names = [_words(claim) for block in blocks for claim in block.claims]
    left = max([_length(name) for name in names] + [_length(_title(block.experiment)) for block in blocks]) + MARGIN
    longest = max(map(_length, models))
    top, over = longest * math.sin(TILT) + MARGIN, longest * math.cos(TILT)
    piece = left + CELL * len(models) + 2 * MARGIN
    pieces = _pieces(blocks)
    beside = max(1, min(len(pieces), int((WIDEST - over) / piece)))
    lines = [pieces[k : k + beside] for k in range(0, len(pieces), beside)]
    heights = [top + max(sum(block.height for block in found) for found in line) for line in lines]
    axes = _sheet(max(piece * beside + over, _length(KEY) + 2 * MARGIN), KEY_HEIGHT + sum(heights))
    verdicts = _verdicts(result)
    for k, line in enumerate(lines):
        y = KEY_HEIGHT + sum(heights[:k]) + top
        for m, found in enumerate(line):
            x = m * piece + MARGIN
            _columns(axes, models, x + left, y)
            _blocks(axes, found, models, verdicts, (x, x + left, y))
    return axes.figure  # type: ignore[return-value]  # not that of a part of a figure


def _pieces(blocks: Sequence[Block]) -> list[list[Block]]:
    """Blocks in order, in pieces of about one height; each piece has the names of the models above it."""
    total = sum(block.height for block in blocks)
    count = math.ceil(total / LONG)
    pieces: list[list[Block]] = [[]]
    done = 0.0
    for block in blocks:
        if pieces[-1] and len(pieces) < count and done + block.height / 2 > total * len(pieces) / count:
            pieces.append([])
        pieces[-1].append(block)
        done += block.height
    return pieces


def _sheet(width: float, height: float) -> Axes:
    """Axes over a whole figure, in inches from the left and from the top, with the key to the signs."""
    axes = Figure(figsize=(width, height)).add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.axis("off")
    axes.text(MARGIN, 0.2, KEY, fontsize=LETTERS, color="0.3")
    return axes


def _columns(axes: Axes, models: Sequence[str], x: float, y: float) -> None:
    """Names of models above their columns."""
    for k, model in enumerate(models):
        place = (x + CELL * (k + 0.5), y - 0.04)
        tilted = {"rotation": math.degrees(TILT), "rotation_mode": "anchor", "ha": "left", "va": "center"}
        axes.text(*place, model, fontsize=LETTERS, **tilted)  # type: ignore[arg-type]  # a dictionary of settings


def _blocks(
    axes: Axes,
    blocks: Sequence[Block],
    models: Sequence[str],
    verdicts: dict[tuple[str, str, str], str],
    place: tuple[float, float, float],
) -> None:
    """Blocks below one another; `place` is where names begin, where cells begin, and the top."""
    x, cells, y = place
    for block in blocks:
        axes.text(x, y + 0.7 * HEAD, _title(block.experiment), fontsize=LETTERS, fontweight="bold")
        y += HEAD
        for claim in block.claims:
            axes.text(cells - 0.06, y + ROW / 2, _words(claim), fontsize=LETTERS, ha="right", va="center")
            for k, model in enumerate(models):
                verdict = verdicts.get((model, block.experiment, claim), LEFT_OUT)
                sign, colour = DRAWN[verdict]
                axes.add_patch(Rectangle((cells + CELL * k, y), CELL, ROW, facecolor=colour, edgecolor="0.8", lw=0.5))
                ink = "white" if verdict in (HOLDS, FAILS) else "0.3"
                middle = (cells + CELL * (k + 0.5), y + ROW / 2)
                axes.text(*middle, sign, fontsize=9, color=ink, ha="center", va="center")
            y += ROW
        y += GAP


def _verdicts(result: Result) -> dict[tuple[str, str, str], str]:
    """(model, experiment, claim) -> the verdict that is drawn; the worst where there are several subjects."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for cell in result.rows("cells"):
        if "value" in cell:
            key = (str(cell["model"]), str(cell["experiment"]), str(cell["claim"]))
            found.setdefault(key, []).append(str(cell["corrected"]))
    return {key: worst(verdicts) for key, verdicts in found.items()}


def worst(verdicts: Sequence[str]) -> str:
    """The verdict that stands for several: one that fails before an undecided one, that before one that holds."""
    return max(verdicts, key=(HOLDS, UNDECIDED, FAILS).index)


def _length(words: str) -> float:
    """Width of a line in bold letters, which are wider than the others, inches."""
    return inches(words, LETTERS, "bold")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _title(name: str) -> str:
    return _words(name).capitalize()
