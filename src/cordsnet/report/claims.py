"""The generated table of all claims: what was claimed, where, and what was found."""

from collections.abc import Sequence
from pathlib import Path

from cordsnet.experiments import Result
from cordsnet.report.page import Table, markdown
from cordsnet.report.writer import measured

HEADS = ("experiment", "claim", "source", "measure", "about", "scale", "found", "holds if", "verdict")


def claims_page(results: Sequence[tuple[Path, Result]]) -> str:
    """Markdown with one row for every claim of some results, and how many hold, fail and are undecided.

    Parameters
    ----------
    results : folder and result of each.
    """
    rows = [row for folder, result in results for row in _rows(folder, result)]
    verdicts = [row[-1] for row in rows]
    counts = ", ".join(f"{verdicts.count(word)} {word}" for word in dict.fromkeys(sorted(verdicts)))
    return (
        f"# Claims\n\n{len(rows)} claims, declared before their runs: {counts}. Written by `cordsnet claims`.\n\n"
        f"{markdown(Table(HEADS, rows, words=True))}"
    )


def _rows(folder: Path, result: Result) -> list[tuple[str, ...]]:
    """Rows of one result; those of a comparison have the verdict with its correction."""
    name = str(result.meta.get("experiment", folder.name))
    cells = result.tables.get("cells", ()) if name == "compare" else ()
    options = result.meta.get("options", {})
    scale = str(options.get("preset", "")) or ", ".join(
        f"{key} {options[key]}" for key in ("trials", "images", "seeds") if key in options
    )
    found: list[tuple[str, ...]] = []
    for k, claim in enumerate(result.claims):
        experiment = str(cells[k]["experiment"]) if cells else name
        verdict = str(cells[k]["corrected"]) if cells else claim.verdict
        about = claim.subject or "-"
        found.append(
            (
                experiment,
                claim.statement,
                claim.source,
                claim.measure,
                about,
                scale or "-",
                measured(claim),
                str(claim.expected),
                verdict,
            )
        )
    return found
