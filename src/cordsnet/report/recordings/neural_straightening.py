"""Figures and tables of straightening in neurons and models."""

from matplotlib.figure import Figure

from cordsnet.experiments import Result
from cordsnet.experiments.result import Row
from cordsnet.report.figures import BLUE, VERMILION, WIDTH, new_figure, tidy
from cordsnet.report.page import Section, Table
from cordsnet.report.printed import shared_notes
from cordsnet.report.rows import values_of

CATEGORIES = (("natural", BLUE), ("synthetic", VERMILION))
MOST_ROWS = 60
"""Rows of movies that the page shows; result.json has all."""

HEADS = (
    "population",
    "units",
    "natural: pixels",
    "population",
    "straightening",
    "synthetic: pixels",
    "population",
    "straightening",
    "natural less synthetic",
    "the same, summed",
    "movies not estimated",
)


def summary(result: Result) -> Table:
    """All populations and areas, in degrees."""
    rows = []
    for row in result.rows("straightening"):
        cells = [f"{row['model']}, {row['area']}", str(row["units"])]
        for category, _ in CATEGORIES:
            cells += [_degrees(row, f"{category}_{name}") for name in ("pixels", "population")]
            cells.append(_degrees(row, category, f"{category}_"))
        lost = [row[f"{category}_not_estimated"] for category, _ in CATEGORIES]
        cells += [_degrees(row, name, f"{name}_") for name in ("difference", "difference_summed")]
        cells += [f"{lost[0]} and {lost[1]} of {row['movies']}"]
        rows.append(tuple(cells))
    return Table(HEADS, rows)


def sections(result: Result) -> list[Section]:
    """Straightening with intervals, and every movie."""
    text = (
        f"{result.meta['source']} Curvature in degrees, of {len(result.meta['movies'])} natural movies and of fades "
        "between their ends. Straightening is the curvature of the population less that of the pixels, below 0 where "
        "it straightens; mean over the movies that could be estimated, in brackets 95 % intervals by Student's t over "
        "movies. A movie is not estimated where responses to its frames do not differ beyond noise. Summed: one angle "
        "of the products of all movies, with a bootstrap interval over movies. Curvature of neurons is "
        "the angle of unbiased products, each between different repeats."
    )
    notes = Section("Notes", "", tables=(Table(("model", "note"), _notes(result), words=True),))
    every = Section("Movies", _about_movies(result), by_movie(result), (_movies(result),), "straightening_movies")
    found = Section("Straightening", text, figure(result), (summary(result),), "straightening")
    return [found, every, notes]


def figure(result: Result) -> Figure:
    """Straightening of natural and of synthetic movies by every population and area."""
    rows = result.rows("straightening")
    drawn = new_figure(WIDTH, 1.2 + 0.22 * len(rows))
    axes = drawn.subplots()
    for shift, (category, colour) in zip((-0.12, 0.12), CATEGORIES, strict=True):
        known = [(k, row) for k, row in enumerate(rows) if category in row]
        places = [k + shift for k, _ in known]
        axes.plot([float(row[category]) for _, row in known], places, "o", color=colour, label=category, markersize=4)
        for place, (_, row) in zip(places, known, strict=True):
            if f"{category}_low" in row:
                ends = [float(row[f"{category}_{end}"]) for end in ("low", "high")]
                axes.plot(ends, [place, place], "-", color=colour, linewidth=1.2)
    axes.axvline(0.0, color="0.5", linewidth=0.8)
    axes.set_yticks(range(len(rows)), [f"{row['model']}, {row['area']}" for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.legend(frameon=False, fontsize=8)
    tidy(axes, "curvature of the population less that of the pixels (degrees)", "")
    return drawn


def _shown_population(result: Result) -> tuple[str, str]:
    """Model and area of the population whose movies are drawn: all neurons, or the top area of the first model."""
    rows = result.rows("straightening")
    first = str(rows[0]["model"])
    of_first = [row for row in rows if row["model"] == first]
    return first, str((of_first[0] if first == "neurons" else of_first[-1])["area"])


def _about_movies(result: Result) -> str:
    model, area = _shown_population(result)
    about = "Bars: 95 % over neurons and repeats. " if model == "neurons" else "There is no noise, and no interval. "
    return (
        f"Straightening of each movie by {model}, {area}, degrees. {about}In the table, naive is the curvature of mean "
        "responses, which noise takes towards 120 degrees; it is not used."
    )


def _movies(result: Result) -> Table:
    """Every movie of every population, with an interval where there is one."""
    heads = ("population", "movie", "category", "pixels", "population", "naive", "straightening", "status")
    rows = [
        (
            f"{row['model']}, {row['area']}",
            str(row["movie"]),
            str(row["category"]),
            *(_degrees(row, name) for name in ("pixels", "population", "naive")),
            _degrees(row, "straightening", ""),
            str(row["status"]),
        )
        for row in result.rows("movies")
    ]
    left = [(f"... and {len(rows) - MOST_ROWS} more in result.json", *[""] * 7)] if len(rows) > MOST_ROWS else []
    return Table(heads, [*rows[:MOST_ROWS], *left])


def by_movie(result: Result) -> Figure:
    """Straightening of each movie by one population, with the intervals of noisy ones."""
    model, area = _shown_population(result)
    names = values_of(result, "movies", "movie")
    drawn = new_figure(WIDTH, 1.2 + 0.25 * len(names))
    axes = drawn.subplots()
    for shift, (category, colour) in zip((-0.12, 0.12), CATEGORIES, strict=True):
        rows = result.rows("movies", model=model, area=area, category=category)
        known = [(names.index(str(row["movie"])) + shift, row) for row in rows if "straightening" in row]
        axes.plot(
            [float(row["straightening"]) for _, row in known], [place for place, _ in known], "o", color=colour,
            label=category, markersize=4,
        )  # fmt: skip
        for place, row in known:
            if "low" in row:
                axes.plot([float(row["low"]), float(row["high"])], [place, place], "-", color=colour, linewidth=1.2)
    axes.axvline(0.0, color="0.5", linewidth=0.8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.legend(frameon=False, fontsize=8)
    tidy(axes, "curvature of the population less that of the pixels (degrees)", "")
    return drawn


def _notes(result: Result) -> list[tuple[str, str]]:
    return [(str(row["model"]), str(row["note"])) for row in shared_notes(result)]


def _degrees(row: Row, name: str, ends: str | None = None) -> str:
    """A number of degrees, with the interval whose names begin with `ends`; "-" where it was not measured."""
    if name not in row:
        return "-"
    said = f"{_round(row[name])}"
    if ends is None or f"{ends}low" not in row:
        return said
    return f"{said} [{_round(row[f'{ends}low'])}, {_round(row[f'{ends}high'])}]"


def _round(value: object) -> str:
    """One digit after the point, and no sign of a zero."""
    said = f"{float(str(value)):.1f}"
    return "0.0" if said == "-0.0" else said
