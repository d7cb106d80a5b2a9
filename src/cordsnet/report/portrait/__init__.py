"""The report of a portrait: every table and figure, model by model."""

from cordsnet.experiments import Result
from cordsnet.report.page import Section, Table
from cordsnet.report.portrait.tables import leading
from cordsnet.report.portrait.text import answers, missing, paths, shown, spectra
from cordsnet.report.rows import models_of

__all__ = ["leading", "sections", "summary"]


def sections(result: Result) -> list[Section]:
    """All sections of every model; with several, titles name the model."""
    models = list(result.meta.get("models", {})) or models_of(result, "regime")
    found = []
    for model in models:
        of = f", {model}" if len(models) > 1 else ""
        for part in (shown, answers, spectra, paths, missing):
            found += part(result, model, of)
    return found


def summary(result: Result) -> Table:
    """Regime, proof and slowest mode of every model."""
    rows = []
    for model in result.meta.get("models", {}):
        regime = ", ".join(str(row["regime"]) for row in result.tables.get("regime", ()) if row["model"] == model)
        bounds = [float(row["bound"]) for row in result.tables.get("certificate", ()) if row["model"] == model]
        proven = f"{'yes' if max(bounds) < 1 else 'no'} (bound {max(bounds):.3g})" if bounds else "does not apply"
        slowest = [r for r in result.tables.get("areas", ()) if r["model"] == model and not r["growing"]]
        longest = f"{max(float(row['decay_ms']) for row in slowest):.1f}" if slowest else "-"
        skipped = [row for row in result.tables.get("skipped", ()) if row["model"] == model]
        failed = sum(bool(row.get("failed")) for row in skipped)
        rows.append((model, regime or "failed", proven, longest, str(failed), str(len(skipped) - failed)))
    heads = ("model", "regime", "one attractor proven", "slowest decay (ms)", "parts failed", "parts that do not apply")
    return Table(heads, rows)
