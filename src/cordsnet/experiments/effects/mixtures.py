"""Mixtures of two images: where a network settles, how it switches, and if it alternates (Soo et al. 2024, Fig. 4C)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.experiments.claims import Claim, Measured, above, at_least, at_most, decide
from cordsnet.experiments.effects.ambiguity import Ambiguity, MixturesOptions, measure_ambiguity
from cordsnet.experiments.effects.hysteresis import without_lag
from cordsnet.experiments.effects.mixture_rows import MOST_UNSETTLED, add_rows
from cordsnet.experiments.effects.mixture_states import first_axis, on_line, switch_of
from cordsnet.experiments.effects.oscillation import OSCILLATES, UNDECIDED
from cordsnet.experiments.effects.recordings import mean_of_finite
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap, share
from cordsnet.experiments.needs import classifies_images, dynamics
from cordsnet.experiments.result import LabelledArray, Result, axis

Array = NDArray[np.float64]
PAPER = "Soo et al. 2024, Figure 4C"
IF_SETTLED = f"; not measured where more than {100 * MOST_UNSETTLED:g} % of all states have not settled"
CLAIMS = (
    Claim("settles_between", "Equal parts of two images settle between the states of the two images.", PAPER,
          "share of pairs whose state projects onto the line between the two images at 0.25 to 0.75 of its length"
          f"{IF_SETTLED}",
          at_least(0.5), of="pairs"),
    Claim("near_line", "Equal parts settle near the line between the states of the two images.", PAPER,
          "distance of the state from the line, share of the distance between the two, mean over pairs"
          f"{IF_SETTLED}", at_most(0.5), of="pairs"),
    Claim("one_axis", "States of all mixtures of two images lie along one axis.", PAPER,
          "share of their variance along the first axis of a singular value decomposition, mean over pairs"
          f"{IF_SETTLED}",
          at_least(0.9), of="pairs"),
    Claim("categorical", "The network switches between two answers a tenth more steeply than in proportion.",
          "reviewer: are mixtures categorical or linear?",
          "slope of the margin of scores in the middle half of its rise over that in its tails, means over pairs",
          at_least(1.1), of="pairs"),
    Claim("no_oscillation", "Equal parts of two images do not oscillate.", "reviewer: do ambiguous images oscillate?",
          "share of pairs whose state oscillates; those that have not settled count either way in the interval",
          at_most(0.1), of="pairs"),
    Claim("sweep_lag", "The answer lags behind a mixture that changes, so that the loop narrows with a slower sweep.",
          "Soo et al. 2024, time constant of 10 ms",
          "width of the loop at the fast sweep less that at the slow one, share of the mixture, mean over pairs that "
          "switch in both",
          above(0.0), of="pairs"),
    Claim("hysteresis", "The answer depends on the direction of the sweep beyond its lag.",
          "Ernst 2021; reviewer: is the network stuck in an attractor?",
          "width of the loop in the limit of a slow sweep, share of the mixture, mean over pairs; those that do not "
          "switch in a sweep count as 0 and as 1 in the interval", at_least(0.02), of="pairs"),
    Claim("alternates", "Under noise the answer to equal parts alternates, as that of people to ambiguous figures.",
          "reviewer: do ambiguous images alternate?",
          "share of pairs whose answer switches at least once under noise", at_least(0.5), of="pairs"),
)  # fmt: skip
QUICK = MixturesOptions(
    trials=20, levels=5, image_ms=200.0, hold_ms=600.0, window_ms=200.0, sweep_ms=(400.0, 800.0), frames=20,
    dominance_ms=600.0,
)  # fmt: skip


@experiment(
    "mixtures",
    options=MixturesOptions,
    presets={
        "smoke": Preset(QUICK, 0.1, 0.5),
        "desk": Preset(MixturesOptions(), 0.7, 1.0),
        "paper": Preset(MixturesOptions(trials=1000, levels=21, sweep_ms=(4000.0, 8000.0)), 240.0, 64.0),
    },
    claims=CLAIMS,
    needs=(classifies_images, dynamics),
    of_readers=tuple(claim.name for claim in CLAIMS),
)
def mixtures(setting: Setting, options: MixturesOptions) -> Result:
    """Settled states, switches, loops and alternation under mixtures of two images of two classes."""
    names = ("line", "switch", "oscillation", "hysteresis", "loops", "dominance", "pairs", "notes")
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    arrays: dict[str, LabelledArray] = {}
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        found = measure_ambiguity(model, split, options, setting.seed)
        add_rows(tables, label, found, setting.seed)
        if found.dominances:
            axes = (axis("time", found.times.tolist(), "ms"), axis("pair", np.flatnonzero(found.apart)[:3].tolist()))
            about = "margin of the answer to the first image over that to the second, equal parts under noise"
            arrays[f"noisy/{label}"] = LabelledArray(found.margins[:, :3], axes, description=about)
        measured = measure(found, setting.seed)
        if not options.sigma:  # noise that never comes can alternate nothing
            measured.pop("alternates", None)
            tables["notes"].append({"model": label, "note": "sigma is 0, so alternation under noise is not measured"})
        claims += decide(CLAIMS, measured, label)
    return Result(tables, arrays, tuple(claims))


def measure(found: Ambiguity, seed: int = 0) -> dict[str, Measured]:
    """Measure the claims, with intervals over pairs.

    What needs pairs that are told apart is left out without them, and where states settle is left out where more than
    `MOST_UNSETTLED` of them have not: their place is that of the moment at which the network was read.
    """
    coefficient, off = on_line(found.mixed.rates)
    half = len(coefficient) // 2
    known = np.isfinite(coefficient[half])
    between = (coefficient[half] >= 0.25) & (coefficient[half] <= 0.75)
    claims = {"no_oscillation": oscillating(found)}
    if known.any() and found.mixed.unsettled <= MOST_UNSETTLED:
        claims |= {
            "settles_between": share(int(between[known].sum()), int(known.sum())),
            "near_line": _mean(off[half], seed),
            "one_axis": _mean(first_axis(found.mixed.rates)[0], seed),
        }
    if not found.apart.any():
        return claims
    fast, slow = found.loops
    switch = switch_of(found.scaled_margins, found.mixed.shares)
    switched = sum(one.switches > 0 for one in found.dominances)
    return claims | {
        "categorical": bootstrap(switch.steepness, int(found.apart.sum()), seed),
        "sweep_lag": _mean(fast.width - slow.width, seed),
        "hysteresis": _rest(without_lag(fast, slow), seed),
        "alternates": share(switched, len(found.dominances)),
    }


def oscillating(found: Ambiguity) -> Measured:
    """Share of pairs that oscillate; its interval is as wide as if undecided pairs did not, and as if all did."""
    verdicts = found.judged.verdict
    sure, open_ = verdicts.count(OSCILLATES), verdicts.count(UNDECIDED)
    least, most = share(sure, len(verdicts)), share(sure + open_, len(verdicts))
    assert least.interval is not None
    assert most.interval is not None
    return Measured(least.value, (least.interval[0], most.interval[1]), len(verdicts))


def _rest(widths: Array, seed: int) -> Measured:
    """Mean width of the pairs that have one; the interval allows for any width from 0 to 1 of the others."""
    known = np.isfinite(widths)
    if not known.any():
        return Measured(np.nan, None, len(widths))
    least, most = (_mean(np.where(known, widths, other), seed) for other in (0.0, 1.0))
    ends = None if least.interval is None or most.interval is None else (least.interval[0], most.interval[1])
    return Measured(float(widths[known].mean()), ends, len(widths))


def _mean(values: Array, seed: int) -> Measured:
    """Mean over the pairs that have a value."""
    finite = values[np.isfinite(values)]
    return bootstrap(lambda w: mean_of_finite(w, finite), len(finite), seed) if len(finite) else Measured(np.nan)
