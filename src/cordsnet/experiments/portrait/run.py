"""The experiment: every model is measured with everything of the toolkit that applies to it."""

import math
from typing import Any

from cordsnet.experiments.claims import Claim, Measured, above, at_least, at_most, below, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.needs import classifies_images, dynamics
from cordsnet.experiments.portrait.attractors import MOVING
from cordsnet.experiments.portrait.findings import BLANK, Findings
from cordsnet.experiments.portrait.network import measure_network
from cordsnet.experiments.portrait.options import PortraitOptions
from cordsnet.experiments.portrait.sitter import Sitter
from cordsnet.experiments.reading import describe_images
from cordsnet.experiments.result import LabelledArray, Result

CLAIMS = (
    Claim("monostable", "The trained network is monostable.", "Soo et al. 2024, spontaneous penalty and its ablation",
          "1 if the regime that the probes show is monostable, else 0", at_least(1.0), exact=True, of="images"),
    Claim("one_fixed_point", "In each state there is one fixed point, a stable one.",
          "reviewer: are there other attractors?",
          "largest number of fixed points in any state, unstable and undecided ones counted twice; not measured where "
          "no start led to one", at_most(1.0),
          exact=True, of="starts"),
    Claim("no_chaos", "Small disturbances of a trajectory fade.", "Soo et al. 2024, Figure 1",
          "largest Lyapunov exponent over all states plus three standard errors, 1/s", below(0.0), exact=True,
          of="states"),
    Claim("recurrence_slows", "Recurrence makes every area slower than its time constant.",
          "Soo et al. 2024, Figure 4A",
          "smallest ratio, over areas and images, of the slowest decay time to tau", above(1.0), exact=True,
          of="areas and images"),
    Claim("amplifies", "Some patterns grow before they decay.", "reviewer: are the areas non-normal?",
          "largest amplification of any pattern, over areas and states", above(1.0), exact=True, of="areas and states"),
    Claim("certified", "The weights alone prove that each image has one attractor.",
          "reviewer: is stability guaranteed?",
          "largest over areas of the smallest bound on the recurrence", below(1.0), exact=True, of="areas"),
)  # fmt: skip
QUICK = PortraitOptions(trials=3, eigenvalues=4, patterns=2, states=1, starts=3, exponents=1, followed_tau=40)


@experiment(
    "portrait",
    options=PortraitOptions,
    presets={
        "smoke": Preset(QUICK, 0.2, 0.5),
        "desk": Preset(PortraitOptions(), 1.0, 1.0),
        "paper": Preset(PortraitOptions(trials=100, eigenvalues=50, patterns=16, states=10, starts=100), 60.0, 16.0),
    },
    claims=CLAIMS,
    needs=(classifies_images, dynamics),
)
def portrait(setting: Setting, options: PortraitOptions) -> Result:
    """Spectra, time constants, fixed points, Lyapunov exponents, amplified patterns, regime and certificate."""
    tables: dict[str, list[Any]] = {}
    arrays: dict[str, LabelledArray] = {}
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        sitter = Sitter(model, split.images, split.labels, options, setting.seed, Findings(label))
        found = measure_network(sitter, setting.tell)
        data = setting.sources.get(label, {}).get("data", "")
        found.tables["notes"] = [{"model": label, "note": describe_images(model, split, data)}, *found.rows("notes")]
        for name, rows in found.tables.items():
            tables.setdefault(name, []).extend(rows)
        arrays |= found.arrays
        claims += decide(CLAIMS, measured(found), label)
    return Result({name: tuple(rows) for name, rows in tables.items()}, arrays, tuple(claims))


def measured(found: Findings) -> dict[str, Measured]:
    """Measure the claims, except those whose part could not be measured."""
    claims: dict[str, Measured] = {}
    for row in found.rows("regime"):
        claims["monostable"] = Measured(float(row["regime"] == "monostable"), n=row["images"])
    if points := found.rows("fixed_points"):
        counts: dict[str, int] = {}
        for row in points:
            if row["point"]:
                counts[row["state"]] = counts.get(row["state"], 0) + (1 if row["stability"] == "stable" else 2)
        starts = sum(row["starts"] for row in points)
        settled = all(row["stability"] != MOVING for row in points)
        if settled and counts.keys() == {row["state"] for row in points}:
            claims["one_fixed_point"] = Measured(float(max(counts.values())), n=starts)
    if exponents := found.rows("lyapunov"):
        largest = max(_upper(row["exponent_per_s"], row["standard_error_per_s"]) for row in exponents)
        claims["no_chaos"] = Measured(largest, n=len({row["state"] for row in exponents}))
    if areas := [row for row in found.rows("areas") if row["state"] != BLANK]:
        ratios = [float("inf") if row["growing"] else row["decay_ms"] / row["tau_ms"] for row in areas]
        claims["recurrence_slows"] = Measured(min(ratios), n=len(ratios))
    if peaks := [row["peak"] for row in found.rows("areas")]:
        claims["amplifies"] = Measured(max(peaks), n=len(peaks))
    if bounds := [row["bound"] for row in found.rows("certificate")]:
        claims["certified"] = Measured(max(bounds), n=len(bounds))
    return claims


def _upper(exponent: float, error: float) -> float:
    """Three standard errors above; minus infinity where a step leaves nothing of a disturbance."""
    return exponent if math.isinf(exponent) else exponent + 3 * error
