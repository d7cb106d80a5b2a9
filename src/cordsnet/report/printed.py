"""Lines that commands print of a result: notes, what was left out, and claims with their verdicts."""

from collections import Counter
from collections.abc import Sequence

from cordsnet.experiments import Claim, Result
from cordsnet.experiments.claims import FAILS, HOLDS, UNDECIDED
from cordsnet.experiments.result import Row
from cordsnet.report.numbers import show_estimate

UNMEASURED = "not measured"
COUNTED = {HOLDS: "hold", FAILS: "fail", UNDECIDED: "undecided", UNMEASURED: UNMEASURED}
"""Verdict -> its word after a number of claims."""


def lines_of(result: Result) -> list[str]:
    """Notes, models that were left out, every claim, and how many claims hold, fail and are undecided."""
    lines = [f"note: {', '.join(map(str, row.values()))}" for row in shared_notes(result)]
    for row in result.tables.get("skipped", ()):
        word = "failed" if row.get("failed") else "does not apply"
        lines.append(f"{word}: {row['model']}, {row['part']}, because {row['reason']}")
    for claims in by_claim(result.claims):
        lines += _lines_of_claim(claims)
    return [*lines, counts_of(result.claims)] if result.claims else lines


def shared_notes(result: Result) -> tuple[Row, ...]:
    """The rows of the table of notes, where a note on several models is one row."""
    rows = result.tables.get("notes", ())
    every = {str(row["model"]) for row in rows if "model" in row} | set(map(str, result.meta.get("models", {})))
    groups: dict[tuple[tuple[str, object], ...], list[str]] = {}
    for row in rows:
        rest = tuple((name, value) for name, value in row.items() if name != "model")
        groups.setdefault(rest, []).extend([str(row["model"])] if "model" in row else [])
    found: list[Row] = []
    for rest, models in groups.items():
        models = list(dict.fromkeys(models))
        whom = "all models" if len(models) > 1 and set(models) == every else " and ".join(models)
        found.append({"model": whom, **dict(rest)} if models else dict(rest))
    return tuple(found)


def by_claim(claims: Sequence[Claim]) -> list[list[Claim]]:
    """Claims in groups of one statement, about one model after the other."""
    groups: dict[str, list[Claim]] = {}
    for claim in claims:
        groups.setdefault(claim.name, []).append(claim)
    return list(groups.values())


def counts_of(claims: Sequence[Claim]) -> str:
    """Count the claims that hold, fail, are undecided and were not measured."""
    found = Counter(verdict_of(claim) for claim in claims)
    return ", ".join(f"{found[verdict]} {word}" for verdict, word in COUNTED.items())


def verdict_of(claim: Claim) -> str:
    """The verdict, or that there is none since nothing was measured."""
    return UNMEASURED if claim.value is None else claim.verdict


def measured(claim: Claim) -> str:
    """Value, interval and number of observations in words."""
    if claim.value is None:
        return UNMEASURED
    value = show_estimate(claim.value, claim.interval)
    return value if claim.n is None else f"{value}, n = {claim.n} {claim.of}"


def _lines_of_claim(claims: Sequence[Claim]) -> list[str]:
    """One line for a claim about one model; about several, a line for the claim and one for each model."""
    if len(claims) == 1:
        (claim,) = claims
        subject = f" ({claim.subject})" if claim.subject else ""
        found = "" if claim.value is None else f"{measured(claim)}; "
        return [f"{verdict_of(claim)}: {claim.statement}{subject} [{found}holds if {claim.expected}]"]
    lines = [f"{claims[0].statement} [holds if {claims[0].expected}]"]
    for claim in claims:
        found = "" if claim.value is None else f", {measured(claim)}"
        lines.append(f"  {verdict_of(claim)}: {claim.subject}{found}")
    return lines
