"""Style of all figures: labelled axes with units, colours that colour-blind readers can tell apart."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from statistics import fmean
from typing import TypeVar

from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
WIDTH, HEIGHT = 7.2, 3.0
T = TypeVar("T")


def new_figure(width: float = WIDTH, height: float = HEIGHT) -> Figure:
    """An empty figure whose parts keep out of each other's way."""
    return Figure(figsize=(width, height), layout="constrained")


def in_colours(items: Iterable[T]) -> Iterator[tuple[str, T]]:
    """Every item with a colour; after the last colour the first again."""
    return zip(cycle(AREA_COLOURS), items, strict=False)


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
