"""The generated table of all claims: what was claimed, where, and what was found."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cordsnet.experiments import Result
from cordsnet.experiments.claims import UNDECIDED
from cordsnet.report.page import Table, markdown
from cordsnet.report.printed import measured

HEADS = {
    "experiment": "experiment",
    "statement": "claim",
    "source": "source",
    "measure": "measure",
    "about": "about",
    "scale": "scale",
    "found": "found",
    "expected": "holds if",
    "verdict": "verdict",
}
"""Key of a row -> head of its column."""

PLURAL = {"holds": "hold", "fails": "fail", UNDECIDED: f"are {UNDECIDED}"}
"""Verdict -> verb for several claims."""


def claims_page(results: Sequence[tuple[Path, Result]]) -> str:
    """Markdown with one row for every claim of some results, and how many hold, fail and are undecided.

    Parameters
    ----------
    results : folder and result of each.
    """
    rows = claims_rows(results)
    verdicts = [row["verdict"] for row in rows]
    counts = ", ".join(f"{verdicts.count(word)} {PLURAL.get(word, word)}" for word in sorted(set(verdicts)))
    shown = [tuple(str(row[key]) for key in HEADS) for row in rows]
    return (
        f"# Claims\n\n{len(rows)} claims, as their experiments declare them: {counts}. Verdicts are those of each "
        "claim alone; in rows of `cordsnet compare` they are corrected for their number. "
        "Written by `cordsnet claims`.\n\n"
        f"{markdown(Table(tuple(HEADS.values()), shown, words=True))}"
    )


def claims_rows(results: Sequence[tuple[Path, Result]]) -> list[dict[str, Any]]:
    """Plain data about every claim of some results; those of a comparison have the verdict with its correction."""
    return [row for folder, result in results for row in _rows(folder, result)]


def _rows(folder: Path, result: Result) -> list[dict[str, Any]]:
    name = str(result.meta.get("experiment", folder.name))
    cells = result.tables.get("cells", ()) if name == "compare" else ()
    options = result.meta.get("options", {})
    scale = str(options.get("preset", "")) or ", ".join(
        f"{key} {options[key]}" for key in ("trials", "images", "seeds") if key in options
    )
    return [
        {
            "experiment": str(cells[k]["experiment"]) if cells else name,
            "claim": claim.name,
            "statement": claim.statement,
            "source": claim.source,
            "measure": claim.measure,
            "about": claim.subject or "-",
            "scale": scale or "-",
            "found": measured(claim),
            "expected": str(claim.expected),
            "value": claim.value,
            "interval": claim.interval,
            "n": claim.n,
            "verdict": str(cells[k]["corrected"]) if cells else claim.verdict,
        }
        for k, claim in enumerate(result.claims)
    ]
