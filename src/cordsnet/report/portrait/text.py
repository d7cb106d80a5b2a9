"""The sections of a portrait, with what is to be said of each figure and table."""

from cordsnet.experiments import Result
from cordsnet.report.page import Section, Table
from cordsnet.report.portrait import figures, tables
from cordsnet.report.portrait.tables import rows_of


def answers(result: Result, model: str, of: str) -> list[Section]:
    """The regime of the network, in a word, and the certificate if there is one."""
    found = []
    for row in rows_of(result, "regime", model):
        text = f"Probed with {row['images']} images: {row['regime']}. A sample, not a proof."
        found.append(Section(f"Regime{of}", text, tables=(tables.regime(row),)))
    if rows := rows_of(result, "certificate", model):
        text = (
            "Proven: one attractor for every constant image."
            if all(row["certified"] for row in rows)
            else "Not proven: an area has no bound below 1, which proves nothing. The regime above is what was seen."
        )
        text += (
            " Bounds on the recurrent kernel, under the best weights per channel; one below 1 is enough. Norm: the "
            "largest gain of the convolution; perron: sums of absolute taps; hermitian: the symmetric part alone. "
            "Norm, at least: a gain that is reached, without weights. Rate: the guaranteed speed of convergence, where "
            "there is one."
        )
        found.append(Section(f"Certificate{of}", text, tables=(tables.certificate(rows),)))
    if rows := rows_of(result, "fixed_points", model):
        text = (
            "Fixed points found from many starts by Newton's method, which finds unstable ones too; how many starts "
            "led to one says nothing of basins. A real part below 0 decays; more starts may find more."
        )
        found.append(Section(f"Fixed points{of}", text, tables=(tables.fixed_points(rows),)))
    if rows := rows_of(result, "lyapunov", model):
        text = "Mean growth of small disturbances along a trajectory; all below 0 at a fixed point, above 0 in chaos."
        found.append(Section(f"Lyapunov exponents{of}", text, tables=(tables.exponents(rows),)))
    return found


def spectra(result: Result, model: str, of: str) -> list[Section]:
    """Eigenvalues, time constants, slowest modes and transient growth of every area."""
    areas = rows_of(result, "areas", model)
    if not areas:
        return []
    last, mark = str(areas[-1]["state"]), f"_{model}" if of else ""
    introduction = (
        "Eigenvalues are of d phi(drive)/dr where the network has settled, from products alone; a mode decays where "
        "the real part is below 1. Active: share of units above zero. Residual: how well the eigenvalue is solved for, "
        "as a share of its modulus. Condition: by how much an error of the operator may move it. Range: decay times "
        "that this error leaves open. Growth at first: largest rate at which any pattern of the area can grow."
    )
    spectrum = (
        "Circles: eigenvalues of largest modulus; diamonds: of largest real part. Grey: the unit circle, and real part "
        "1, where a mode no longer decays. Bars: residual x modulus x condition, to first order; none where that is "
        "unknown or without bound."
    )
    steps = "Each dash is a mode; bars are what its error leaves open. A mode slower than tau is slowed by recurrence."
    growth = f"How much the pattern that grows most has grown, at {last}. Above 1: non-normal growth before decay."
    return [
        Section(f"Slowest mode of each area{of}", introduction, tables=tables.leading(result, model)),
        Section(f"Spectra{of}", spectrum, figures.spectra(result, model), name=f"spectra{mark}"),
        Section(f"Time constants{of}", steps, figures.time_constants(result, model), name=f"time_constants{mark}"),
        Section(
            f"Slowest modes{of}", f"Energy over space, at {last}.", figures.modes(result, model), name=f"modes{mark}"
        ),
        Section(f"Transient amplification{of}", growth, figures.transients(result, model), name=f"transients{mark}"),
    ]


def paths(result: Result, model: str, of: str) -> list[Section]:
    """Amplified image patterns, and trajectories."""
    found, mark = [], f"_{model}" if of else ""
    if rows := rows_of(result, "patterns", model):
        worst = max(float(row["residual"]) for row in rows)
        text = (
            "Right singular vectors of the map from image to settled rates of the top area, at the first image, and by "
            f"how much each is amplified (largest residual {worst:.0e})."
        )
        drawn = figures.patterns(result.arrays[f"patterns/{model}"])
        found.append(Section(f"Amplified patterns{of}", text, drawn, name=f"patterns{mark}"))
    if f"paths/{model}" in result.arrays:
        text = "Each line is the response to an image, from spontaneous activity; dots are where it is at the end."
        drawn = figures.trajectories(result, model)
        found.append(Section(f"Trajectories{of}", text, drawn, name=f"trajectories{mark}"))
    return found


def missing(result: Result, model: str, of: str) -> list[Section]:
    """Parts that failed or do not apply, with the reason."""
    found = []
    for title, failed, text in (
        ("Failed", True, "Parts that were tried and failed."),
        ("Does not apply", False, "Parts that do not apply to this network."),
    ):
        rows = [
            (str(row["part"]), str(row["reason"]))
            for row in rows_of(result, "skipped", model)
            if bool(row.get("failed")) is failed
        ]
        if rows:
            found.append(Section(f"{title}{of}", text, tables=(Table(("part", "because"), rows, words=True),)))
    return found


def shown(result: Result, model: str, of: str) -> list[Section]:
    """Say what the network was shown and how, and what else the numbers depend on."""
    rows = [(str(row["note"]),) for row in rows_of(result, "notes", model)]
    if not rows:
        return []
    return [Section(f"Measured on{of}", "", tables=(Table(("note",), rows, words=True),))]
