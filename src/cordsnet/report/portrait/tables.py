"""Tables of a portrait: eigenvalues and fixed points with residual and status."""

import math
from collections.abc import Sequence
from dataclasses import asdict

from cordsnet.analysis import Certificate, Eigenpairs, FixedPoints, LyapunovSpectrum, RegimeReport, Status
from cordsnet.experiments.portrait import AreaPortrait
from cordsnet.report.page import Table


def leading(areas: Sequence[AreaPortrait]) -> Table:
    """The slowest mode of every area at every state."""
    heads = (
        "state", "area", "units", "active", "eigenvalue", "residual", "condition", "ended", "decay (ms)", "range (ms)",
        "frequency (Hz)", "growth at first (1/ms)",
    )  # fmt: skip
    return Table(heads, [_leading(one) for one in areas])


def _leading(one: AreaPortrait) -> tuple[str, ...]:
    pairs, constants = one.slowest, one.constants
    value, condition = complex(pairs.values[0]), pairs.condition
    span = f"{float(constants.shortest_ms[0]):.1f} to {float(constants.longest_ms[0]):.1f}"
    decay = "grows" if bool(constants.growing[0]) else f"{float(constants.decay_ms[0]):.1f}"
    return (
        one.where,
        one.area,
        f"{one.units:,}",
        f"{100 * one.active:.0f} %",
        number(value),
        f"{float(pairs.residuals[0]):.0e}",
        "" if condition is None else f"{float(condition[0]):.2g}",
        ended(pairs),
        decay,
        span,
        f"{float(constants.frequency_hz[0]):.2g}",
        f"{one.abscissa.value:.3g}",
    )


def ended(pairs: Eigenpairs) -> str:
    """How many of the pairs converged."""
    good = sum(status.name == "CONVERGED" for status in pairs.status)
    return f"{good} of {len(pairs.status)} converged"


def number(value: complex) -> str:
    """A complex number, with its imaginary part only where it has one."""
    return f"{value.real:.4f}" if value.imag == 0 else f"{value.real:.4f} {'+-'[value.imag < 0]} {abs(value.imag):.4f}i"


def attractors(found: dict[str, FixedPoints]) -> Table:
    """Fixed points by state: how many starts led there, or to none, and whether they are stable.

    Where the leading eigenvalue did not converge, or its residual reaches across zero, stability is not decided.
    """
    rows = []
    for where, points in found.items():
        if points.failed_starts:
            rows.append((where, "none", str(points.failed_starts), "", "", "", ""))
        for k, found_by in enumerate(points.start_counts.tolist()):
            value, residual = complex(points.leading[k]), float(points.leading_residual[k])
            sure = points.leading_status[k] is Status.CONVERGED and residual * abs(value) < abs(value.real)
            stable = ("stable" if bool(points.stable[k]) else "unstable") if sure else "not decided"
            speed = f"{float(points.residual[k]):.0e}"
            rows.append((where, str(k + 1), str(found_by), speed, stable, f"{value.real:.4f}", f"{residual:.0e}"))
    heads = ("state", "point", "starts that led there", "residual", "stability", "leading real part (1/ms)", "residual")
    return Table(heads, rows)


def exponents(found: dict[str, LyapunovSpectrum]) -> Table:
    """Lyapunov exponents by state."""
    rows = []
    for where, one in found.items():
        values = ", ".join(
            f"{1e3 * float(value):.2f} ± {1e3 * float(error):.2f}"
            for value, error in zip(one.exponents, one.standard_error, strict=True)
        )
        rows.append((where, values, one.status.name.lower(), "yes" if one.chaotic else "no"))
    return Table(("state", "exponents (1/s)", "ended", "chaotic"), rows)


def regime(report: RegimeReport) -> Table:
    """The regime and the numbers behind it; what its probes had no need to measure is left out."""
    measured = {name: value for name, value in asdict(report.evidence).items() if not math.isnan(value)}
    rows = [(name.replace("_", " "), f"{value:.3g}") for name, value in measured.items()]
    return Table(("evidence", "value"), [("regime", report.regime.value), *rows])


def certificate(found: Certificate) -> Table:
    """The bounds of every area."""
    rows = found.rows()
    heads = tuple(dict.fromkeys(name for row in rows for name in row))
    return Table(heads, [tuple(_cell(row.get(name, "")) for name in heads) for row in rows])


def _cell(value: str | float | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, str) else f"{value:.4g}"
