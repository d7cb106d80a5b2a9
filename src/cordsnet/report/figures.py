"""Style of all figures: labelled axes with units, colours that colour-blind readers can tell apart."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from statistics import fmean
from typing import Any, TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

# Okabe & Ito (2008).
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, YELLOW = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
)
AREA_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, "#000000", "#7F7F7F")
MARKERS = ("", "o", "s", "^", "D")
"""Of curves; the next where colours begin again."""
WIDTH, HEIGHT = 7.2, 3.0
HANDLE, LINE = 0.62, 0.17
"""Inches: width of a sign in a legend with the space around it, and height of a line of small letters."""
SMALL = 8
"""Points: letters of legends."""
T = TypeVar("T")


def new_figure(width: float = WIDTH, height: float = HEIGHT) -> Figure:
    """An empty figure whose parts keep out of each other's way."""
    return Figure(figsize=(width, height), layout="constrained")


def in_colours(items: Iterable[T]) -> Iterator[tuple[str, T]]:
    """Every item with a colour; after the last colour the first again."""
    return zip(cycle(AREA_COLOURS), items, strict=False)


def in_styles(items: Iterable[T]) -> Iterator[tuple[dict[str, Any], T]]:
    """Every item with settings of a curve of its own: a colour, and where colours begin again another marker."""
    for k, (colour, item) in enumerate(in_colours(items)):
        marker = MARKERS[k // len(AREA_COLOURS) % len(MARKERS)]
        yield {"color": colour, "marker": marker, "markersize": 3, "markevery": 0.1}, item


def inches(words: str, size: float = SMALL, weight: str = "normal") -> float:
    """Width of a line of letters of `size` points."""
    if not words.strip():
        return 0.0
    return float(TextPath((0, 0), words, size=size, prop=FontProperties(weight=weight)).get_extents().width) / 72


def legend_below(figure: Figure, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """A legend below the axes, in as many columns as fit; the figure grows by its height."""
    each = HANDLE + max(map(inches, labels))
    columns = max(1, min(len(labels), int(figure.get_figwidth() / each)))
    figure.set_figheight(figure.get_figheight() + LINE * math.ceil(len(labels) / columns))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=SMALL)


def tidy(axes: Axes, x: str, y: str, title: str = "") -> Axes:
    """Labels, and no more lines than needed."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title, loc="left", fontsize=10, pad=10)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def mark_images(axes: Axes, spans: Sequence[tuple[float, float, str]]) -> None:
    """Bars along the top that say when an image is on the screen."""
    for start, stop, name in spans:
        axes.plot([start, stop], [0.95, 0.95], color="0.2", linewidth=4, solid_capstyle="butt", transform=_top(axes))
        axes.text((start + stop) / 2, 0.97, name, ha="center", va="bottom", fontsize=8, transform=_top(axes))


def smoothed(values: Sequence[float], share: float = 0.05) -> list[float]:
    """Mean over a centred window of the given share of the curve."""
    half = max(1, round(share * len(values) / 2))
    return [fmean(values[max(0, k - half) : k + half + 1]) for k in range(len(values))]


def _top(axes: Axes):  # type: ignore[no-untyped-def]  # matplotlib types its transforms as Any
    """Transform with x in data and y in shares of the height of the axes."""
    return axes.get_xaxis_transform()
