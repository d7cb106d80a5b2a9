"""A self-contained HTML page: text, tables and figures in one file."""

import base64
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from matplotlib.figure import Figure

from cordsnet._files import writable_folder, write_whole
from cordsnet.report.numbers import show_number

DPI, SHOWN_DPI = 160, 125
"""Pixels per inch of figures in their files, and as pages show them: sharp, and of one size of letters."""
WIDEST = 12.0
"""Inches: a figure is shrunk to the width of the page up to this width, and scrolled beyond."""
SPECIAL = re.compile(r"[\\|`]|\[(?=[^\]]*\]\()")
"""Signs that end a cell, begin code, or begin a link."""

MARKED = {"holds": "holds", "fails": "fails", "undecided at this scale": "undecided"}
"""Cells that are shown as verdicts -> the class of their style."""


@dataclass(frozen=True)
class Table:
    """Heads and rows of text.

    Attributes
    ----------
    heads : one for each column.
    rows : cells, as they are shown.
    words : True if all columns hold words; else all but the first are set as numbers.
    """

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: bool = False


class Verdict(str):
    """A cell whose text is coloured as a verdict, and leads to the page that holds the details.

    Parameters
    ----------
    text : of the cell.
    mark : a key of `MARKED`.
    page : path of the page, relative to the one with the table; "" leads nowhere.
    """

    mark: str
    page: str

    def __new__(cls, text: str, mark: str, page: str = "") -> "Verdict":
        """Make the cell."""
        made = super().__new__(cls, text)
        made.mark, made.page = mark, page
        return made


@dataclass(frozen=True)
class Picture:
    """A small picture, as the content of a PNG file, with a caption and what it is a picture of, such as its file."""

    png: bytes
    caption: str
    of: str = ""


@dataclass(frozen=True)
class Panel:
    """A figure of another page: its title, the content of its PNG file, the width in pixels, and its caption."""

    title: str
    png: bytes
    width: int
    caption: str


@dataclass(frozen=True)
class Section:
    """A title, a sentence or two, and a figure, tables, pictures or panels; `name` is that of the figure's file."""

    title: str
    text: str
    figure: Figure | None = None
    tables: Sequence[Table] = field(default_factory=tuple)
    name: str = ""
    pictures: Sequence[Picture] = ()
    panels: Sequence[Panel] = ()


def write_page(path: Path, title: str, introduction: str, sections: Sequence[Section], footer: str) -> Path:
    """Write the page, and each figure also as PNG and PDF into `figures/` beside it. Returns the path of the page."""
    folder = writable_folder(path.parent / "figures")
    filled = []
    for section in sections:
        image, width = "", 0
        if section.figure is not None:
            png = render(section.figure, "png")
            width = round(section.figure.get_figwidth() * SHOWN_DPI)
            write_whole(folder / f"{section.name}.png", png)
            write_whole(folder / f"{section.name}.pdf", render(section.figure, "pdf"))
            image = base64.b64encode(png).decode()
        pictures = [(base64.b64encode(one.png).decode(), one.caption, one.of) for one in section.pictures]
        scrolled = width > WIDEST * SHOWN_DPI
        panels = [(one.title, one.width, base64.b64encode(one.png).decode(), one.caption) for one in section.panels]
        shown = {"tables": section.tables, "image": image, "width": width, "scrolled": scrolled}
        said = {"title": section.title, "text": section.text, "pictures": pictures, "panels": panels}
        filled.append({**said, **shown})
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        files("cordsnet.report").joinpath("page.html").read_text(encoding="utf-8")
    )
    page = template.render(title=title, introduction=introduction, sections=filled, footer=footer, marked=MARKED)
    write_whole(path, page.encode())
    return path


def render(figure: Figure, kind: str) -> bytes:
    """A figure as the bytes of a PNG or PDF file."""
    stream = io.BytesIO()
    figure.savefig(stream, format=kind, dpi=DPI)
    return stream.getvalue()


def markdown(table: Table) -> str:
    """A table in Markdown; signs in cells that Markdown or HTML would read as more than text are escaped."""
    rows = [[_escaped(cell) for cell in row] for row in (table.heads, *table.rows)]
    lines = [rows[0], ["---"] * len(table.heads), *rows[1:]]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _escaped(cell: str) -> str:
    return SPECIAL.sub(r"\\\g<0>", " ".join(cell.split())).replace("&", "&amp;").replace("<", "&lt;")


def as_table(rows: Iterable[Mapping[str, Any]], heads: Mapping[str, str] | None = None, most: int = 60) -> Table:
    """Rows of a result as they are shown: at most `most` of them, the columns in `heads` or else all."""
    rows = list(rows)
    columns = heads or {name: name.replace("_", " ") for row in rows for name in row}
    body = [[show_cell(row.get(name, "")) for name in columns] for row in rows[:most]]
    if len(rows) > most:
        body.append([f"... and {len(rows) - most} more in result.json", *[""] * (len(columns) - 1)])
    return Table(tuple(columns.values()), body)


def show_cell(value: Any) -> str:
    """A cell as text: four digits of a number, yes or no for a truth value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return show_number(value, 4)
    return f"{value:,}" if isinstance(value, int) and abs(value) >= 10_000 else str(value)


def percent(value: float | None) -> str:
    """A share as a percentage with one digit; "-" where it is missing."""
    return "-" if value is None or math.isnan(value) else f"{100 * value:.1f} %"
