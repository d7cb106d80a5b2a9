"""The table of what half precision costs."""

from cordsnet.experiments import Result
from cordsnet.experiments.result import Row
from cordsnet.report.page import Section, Table
from cordsnet.report.rows import models_of


def summary(result: Result) -> Table:
    """Errors, kept answers and seconds of every precision."""
    several = len(models_of(result, "precision")) > 1
    rows = [
        (
            *((str(row["model"]),) if several else ()),
            str(row["convolutions"]),
            str(row["rates"]),
            *(_error(row, f"error_of_{name}") for name in ("rates", "scores", "gradients")),
            f"{100 * float(row['same_answer']):.0f} %",
            f"{float(row['seconds']):.2f}",
        )
        for row in result.rows("precision")
    ]
    heads = ("convolutions", "rates", "error of rates", "of scores", "of gradients", "same answer", "seconds")
    return Table(("model", *heads) if several else heads, rows)


def _error(row: Row, name: str) -> str:
    """An error; "not finite" where half precision overflows."""
    return f"{float(row[name]):.1e}" if name in row else "not finite"


def sections(result: Result) -> list[Section]:
    """The table."""
    text = "Errors are relative to double precision; seconds are of simulating and differentiating."
    return [Section("Cost of half precision", text, tables=(summary(result),))]
