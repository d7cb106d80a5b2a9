"""Fit of published networks to people over the conditions of the challenge set: is it size or recurrence?"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from cordsnet._intervals import percentile_interval
from cordsnet.data.people.maniquet2025 import Challenge, read_challenge
from cordsnet.errors import DataError
from cordsnet.experiments.claims import Claim, Measured, above, at_least, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.result import Result

Array = NDArray[np.float64]

RECURRENT = {
    "cornet_z": False,
    "cornet_V1_V1": True,
    "cornet_IT_IT": True,
    "CORnet_RT": True,
    "TDnet": True,
    "FBnet": True,
    "cornet_zd": False,
    "cornet_s": True,
    "B_net_128": False,
    "BL_net_128": True,
    "BT_net_128": True,
    "bd": False,
    "BLT_net_128": True,
    "vgg11_bn_small": False,
    "vgg16_bn": False,
}
"""Network -> True if it has lateral or top-down connections; this table is ours, the file does not say it."""

NOTE = (
    "fit is Pearson's correlation over conditions and ranks follow from it, since the file stores no published ranks; "
    "which networks are recurrent is our table; the file does not say who saw masks, so that with and without them "
    "people are drawn as normal means; the stored standard errors are over trials, and are scaled by what those of all "
    "people are over people"
)


@dataclass(frozen=True)
class ChallengeOptions:
    """Place of the published numbers.

    Attributes
    ----------
    people : needed: folder of human_and_models.json, the answers of Maniquet et al. (2025), or that file,
        published with https://doi.org/10.1038/s41598-025-20245-w and at
        https://github.com/TimManiquet/recurrent_issues_DNNs, in the form of docs/how_to/compare_models.md.
    draws : number of samples of people and networks.
    """

    people: str = ""
    draws: int = 1000


SOURCE = "Maniquet, Op de Beeck & Costantino 2025"
CLAIMS = (
    Claim(
        "size_predicts_fit",
        "Size predicts the fit to people.",
        SOURCE,
        "Spearman correlation of fit with log10 parameters over networks",
        above(0.0),
        of="networks",
    ),
    Claim(
        "recurrence_predicts_fit",
        "Recurrence predicts the fit to people beyond size.",
        SOURCE,
        "partial correlation of fit with recurrence given log10 parameters, over networks",
        above(0.0),
        of="networks",
    ),
    Claim(
        "ceiling_is_reached",
        "A network reaches the ceiling.",
        SOURCE,
        "largest fit of a network less the mean correlation between halves of the people",
        at_least(0.0),
        of="networks",
    ),
)


@experiment(
    "challenge",
    options=ChallengeOptions,
    presets={
        "smoke": Preset(ChallengeOptions(draws=200), 0.02, 0.5),
        "desk": Preset(ChallengeOptions(), 0.1, 0.5),
    },
    claims=CLAIMS,
    stored=True,
)
def challenge(setting: Setting, options: ChallengeOptions) -> Result:
    """Fit of published networks to people, with and without masks, against size and recurrence."""
    if not options.people:
        raise ValueError(
            "people must name the folder of human_and_models.json, the numbers published with Maniquet, Op de Beeck & "
            "Costantino (Scientific Reports 2025); got ''"
        )
    data = check_known(read_challenge(options.people))
    rows: list[dict[str, Any]] = []
    claims: list[Claim] = []
    for group in data.curves:
        rng = np.random.default_rng(setting.seed)
        fits = fit(data, data.curves[group].accuracy[None])[0]
        drawn = fit(data, draw_people(data, group, options.draws, rng))
        rows += _rows(data, group, fits, drawn)
        claims += decide(CLAIMS, _found(data, group, fits, drawn, rng), group)
    notes = [{"model": "published networks", "note": NOTE}]
    return Result({"challenge": rows, "people": _kept(data), "notes": notes}, claims=tuple(claims))


def check_known(data: Challenge) -> Challenge:
    """Return the answers. Raises DataError unless it is known of every network whether it is recurrent."""
    if unknown := [name for name in data.networks if name not in RECURRENT]:
        raise DataError(f"whether {unknown[0]!r} is recurrent is not known; known: {', '.join(RECURRENT)}")
    return data


def fit(data: Challenge, curves: Array) -> Array:
    """Correlation [R, N] of curves of people [R, 17] with each network over conditions, averaged over its seeds."""
    return np.stack([correlation(curves[:, None], scores[None]).mean(1) for scores in data.scores], 1)


def draw_people(data: Challenge, group: str, draws: int, rng: np.random.Generator) -> Array:
    """Curves of drawn people [R, 17]: people among those who saw the same conditions, or normal means of a group."""
    if group != "all people":
        curve = data.curves[group]
        return np.asarray(np.clip(rng.normal(curve.accuracy, _error_over_people(data, group), (draws, 17)), 0, 1))
    seen = np.isfinite(data.accuracy)
    right, total = np.zeros((draws, 17)), np.zeros((draws, 17))
    for pattern in np.unique(seen, axis=0):
        mine = (seen == pattern).all(1)
        counts = rng.multinomial(mine.sum(), np.full(mine.sum(), 1 / mine.sum()), size=draws)
        right += counts @ np.nan_to_num(data.accuracy[mine])
        total += counts @ seen[mine]
    return np.asarray(right / total)


def _error_over_people(data: Challenge, group: str) -> Array:
    """Standard error over people [17] of a group that is not listed, never below the stored one, which is over trials.

    It is the stored one times the ratio of the two for all people, who are listed.
    """
    people = np.isfinite(data.accuracy).sum(0)
    every = data.curves["all people"].accuracy_sem
    listed = np.nanstd(data.accuracy, 0, ddof=1) / np.sqrt(people) if people.min() > 1 else every
    ratio = np.divide(listed, every, out=np.ones(len(every)), where=every > 0)
    return np.asarray(data.curves[group].accuracy_sem * np.maximum(ratio, 1))


def partial_correlation(fits: Array, recurrent: Array, size: Array) -> float:
    """Correlation of two variables [N] once a line in the third is taken from both; NaN where one does not vary."""
    design = np.stack([np.ones_like(size), size], 1)
    left = [values - design @ np.linalg.lstsq(design, values, rcond=None)[0] for values in (fits, recurrent)]
    if min(float(np.abs(values).max()) for values in left) < 1e-9:
        return float("nan")
    return float(correlation(left[0], left[1]))


def correlation(first: Array, second: Array) -> Array:
    """Pearson's correlation over the last axis; NaN where one of the two does not vary."""
    first, second = (values - values.mean(-1, keepdims=True) for values in (first, second))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (first * second).sum(-1) / np.sqrt((first**2).sum(-1) * (second**2).sum(-1))
    return np.asarray(found)


def _found(data: Challenge, group: str, fits: Array, drawn: Array, rng: np.random.Generator) -> dict[str, Measured]:
    size = np.log10(data.parameters)
    recurrent = np.array([RECURRENT[name] for name in data.networks], dtype=np.float64)
    ceilings = data.ceilings[group]
    picks = rng.integers(len(fits), size=drawn.shape)
    of_size, of_recurrence = [], []
    for pick, row in zip(picks, drawn, strict=True):
        of_size.append(float(correlation(rankdata(row[pick]), rankdata(size[pick]))))
        of_recurrence.append(partial_correlation(row[pick], recurrent[pick], size[pick]))
    reached = np.take_along_axis(drawn, picks, 1).max(1) - rng.choice(ceilings, len(drawn))
    return {
        "size_predicts_fit": _measured(float(correlation(rankdata(fits), rankdata(size))), of_size, len(fits)),
        "recurrence_predicts_fit": _measured(partial_correlation(fits, recurrent, size), of_recurrence, len(fits)),
        "ceiling_is_reached": _measured(float(fits.max() - ceilings.mean()), reached.tolist(), len(fits)),
    }


def _measured(value: float, drawn: list[float], n: int) -> Measured:
    return Measured(value, percentile_interval(drawn, value), n)


def _rows(data: Challenge, group: str, fits: Array, drawn: Array) -> list[dict[str, Any]]:
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    ranks = rankdata(-fits, method="min")
    return [
        {
            "network": name,
            "people": group,
            "fit": fits[k],
            "low": low[k],
            "high": high[k],
            "rank": int(ranks[k]),
            "log10_parameters": float(np.log10(data.parameters[k])),
            "recurrent": RECURRENT[name],
            "ceiling": float(data.ceilings[group].mean()),
            "seeds": len(data.scores[k]),
        }
        for k, name in enumerate(data.networks)
    ]


def _kept(data: Challenge) -> list[dict[str, Any]]:
    seen = np.isfinite(data.accuracy).sum(0)
    return [{"condition": name, "people": int(n)} for name, n in zip(data.conditions, seen, strict=True)]
