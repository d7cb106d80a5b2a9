"""A self-contained HTML page: text, tables and figures in one file."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from matplotlib.figure import Figure

from cordsnet._files import write_whole

DPI = 160


@dataclass(frozen=True)
class Table:
    """Heads and rows of text; all but the first column are set as numbers."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """A title, a sentence or two, and a figure or tables."""

    title: str
    text: str
    figure: Figure | None = None
    tables: Sequence[Table] = field(default_factory=tuple)
    name: str = ""


def write_page(path: Path, title: str, introduction: str, sections: Sequence[Section], footer: str) -> Path:
    """Write the page, and each figure also as PNG and PDF into `figures/` beside it. Returns the path of the page."""
    folder = path.parent / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    filled = []
    for section in sections:
        image = ""
        if section.figure is not None:
            png = render(section.figure, "png")
            write_whole(folder / f"{section.name}.png", png)
            write_whole(folder / f"{section.name}.pdf", render(section.figure, "pdf"))
            image = base64.b64encode(png).decode()
        filled.append({"title": section.title, "text": section.text, "tables": section.tables, "image": image})
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(
        files("cordsnet.report").joinpath("page.html").read_text(encoding="utf-8")
    )
    page = template.render(title=title, introduction=introduction, sections=filled, footer=footer, width_px=900)
    write_whole(path, page.encode())
    return path


def render(figure: Figure, kind: str) -> bytes:
    """A figure as the bytes of a PNG or PDF file."""
    stream = io.BytesIO()
    figure.savefig(stream, format=kind, dpi=DPI)
    return stream.getvalue()
