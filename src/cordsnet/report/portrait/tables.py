"""Tables of a portrait: eigenvalues and fixed points with residual and status."""

from collections.abc import Sequence

from cordsnet.experiments import Result
from cordsnet.experiments.portrait.areas import REAL_PART
from cordsnet.experiments.result import Row
from cordsnet.report.numbers import show_number
from cordsnet.report.page import Table, as_table, show_cell


def rows_of(result: Result, table: str, model: str) -> list[Row]:
    """Rows of one model; none where the part was not measured."""
    return [row for row in result.tables.get(table, ()) if row["model"] == model]


def leading(result: Result, model: str) -> tuple[Table, Table]:
    """The slowest mode of every area at every state: its eigenvalue, and what it does in time."""
    found = (("state", "area", "units", "active", "eigenvalue", "residual", "condition", "ended"),
             ("state", "area", "decay (ms)", "range (ms)", "frequency (Hz)", "growth at first (1/ms)"))  # fmt: skip
    rows = rows_of(result, "areas", model)
    return Table(found[0], [_eigenvalue(result, row) for row in rows]), Table(
        found[1], [_course(result, r) for r in rows]
    )


def _eigenvalue(result: Result, row: Row) -> tuple[str, ...]:
    at = {name: row[name] for name in ("model", "state", "area")}
    value = result.rows("eigenvalues", **at, of=REAL_PART)[0]
    return (
        str(row["state"]),
        str(row["area"]),
        f"{int(row['units']):,}",
        f"{100 * float(row['active']):.0f} %",
        number(complex(float(value["real"]), float(value["imaginary"]))),
        f"{float(value['residual']):.0e}",
        f"{float(value['condition']):.2g}" if "condition" in value else "",
        f"{row['converged']} of {row['pairs']} converged",
    )


def _course(result: Result, row: Row) -> tuple[str, ...]:
    constant = result.rows("time_constants", **{name: row[name] for name in ("model", "state", "area")})[0]
    return (
        str(row["state"]),
        str(row["area"]),
        "grows" if row["growing"] else f"{float(row['decay_ms']):.1f}",
        f"{float(constant['shortest_ms']):.1f} to {float(constant['longest_ms']):.1f}",
        f"{float(constant['frequency_hz']):.2g}",
        show_number(float(row["growth_at_first_per_ms"])),
    )


def number(value: complex) -> str:
    """A complex number, with its imaginary part only where it has one."""
    return f"{value.real:.4f}" if value.imag == 0 else f"{value.real:.4f} {'+-'[value.imag < 0]} {abs(value.imag):.4f}i"


def fixed_points(rows: Sequence[Row]) -> Table:
    """Fixed points by state: how many starts led there, or to none, and whether they are stable."""
    heads = {
        "state": "state",
        "point": "point",
        "starts": "starts that led there",
        "residual": "residual",
        "stability": "stability",
        "leading_per_ms": "leading real part (1/ms)",
        "leading_residual": "its residual",
    }
    return as_table([{**row, "point": row["point"] or "none"} for row in rows], heads)


def exponents(rows: Sequence[Row]) -> Table:
    """Lyapunov exponents by state."""
    body = []
    for where in dict.fromkeys(str(row["state"]) for row in rows):
        mine = [row for row in rows if row["state"] == where]
        values = ", ".join(
            f"{float(row.get('exponent_per_s', 'nan')):.2f} ± {float(row.get('standard_error_per_s', 'nan')):.2f}"
            for row in mine
        )
        body.append((where, values, str(mine[0]["status"]), "yes" if mine[0]["chaotic"] else "no"))
    return Table(("state", "exponents (1/s)", "ended", "chaotic"), body)


EVIDENCE = {
    "image_distance": "farthest from where an image settles, from any other start (share of the response)",
    "blank_distance": "farthest from spontaneous activity, after an image or a disturbance (share of the response)",
    "elsewhere": "share of those trials that came to rest in another state",
    "speed": "largest speed at the end of a trial (share of the response per tau)",
    "settling_ms": "time until all trials were at rest (ms)",
    "drift": "change from image_ms of the image to several times as long (share of the response)",
    "trained_accuracy": "accuracy after image_ms of the image",
    "late_accuracy": "accuracy after several times as long",
    "lost_answers": "share of images whose right answer is lost between the two",
    "response": "root mean square response (rate, arbitrary units)",
    "exponent": "rate at which neighbouring trajectories part (1/ms)",
    "exponent_error": "its standard error (1/ms)",
    "diverged_ms": "time at which rates stopped being finite (ms)",
    "images": "images that were shown",
}
"""Evidence for a regime -> its meaning."""


def regime(row: Row) -> Table:
    """The regime and the numbers behind it; what its probes had no need to measure is left out."""
    numbers = {name: value for name, value in row.items() if name not in ("model", "regime")}
    rows = [(EVIDENCE.get(name, name.replace("_", " ")), show_number(float(value))) for name, value in numbers.items()]
    return Table(("evidence", "value"), [("regime", str(row["regime"])), *rows])


def certificate(rows: Sequence[Row]) -> Table:
    """The bounds of every area, the smallest of which decides."""
    names = list(dict.fromkeys(name for row in rows for name in row if name.endswith(" bound")))
    heads = ("area", "proven", *(name.removesuffix(" bound") for name in names), "norm, at least", "rate (1/ms)")
    body = [
        (
            str(row["area"]),
            "yes" if row["certified"] else "no",
            *(show_cell(row.get(name, "")) for name in names),
            show_cell(row["unweighted norm at least"]),
            show_cell(row["rate (1/ms)"]),
        )
        for row in rows
    ]
    return Table(heads, body)
