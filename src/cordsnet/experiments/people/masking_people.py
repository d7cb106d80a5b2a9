"""Accuracy of people on occluded objects, against presentation time, with and without a mask (Tang et al. 2018)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet.data.people.tang2018 import CHANCE, PRESENTATIONS_MS, Masking, read_masking, unlike_published
from cordsnet.experiments.claims import Claim, Measured, above, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap
from cordsnet.experiments.result import Result


@dataclass(frozen=True)
class MaskingPeopleOptions:
    """Place of the trials.

    Attributes
    ----------
    people : needed: folder of trials.parquet, or a parquet or MATLAB file of the trials of Tang et al. (2018),
        published with https://doi.org/10.1073/pnas.1719397115, in the form of docs/how_to/compare_models.md.
    draws : number of samples of people.
    """

    people: str = ""
    draws: int = 1000


CLAIMS = tuple(
    Claim(
        name=f"mask_costs_at_{shown}_ms",
        statement=f"A mask after {shown} ms costs people accuracy.",
        source="Tang et al. 2018 (backward masking)",
        measure=f"accuracy at {shown} ms without a mask less that with one, over all trials",
        expected=above(0.0),
        of="people",
    )
    for shown in (25, 150)
)


@experiment(
    "masking_people",
    options=MaskingPeopleOptions,
    presets={
        "smoke": Preset(MaskingPeopleOptions(draws=200), 0.02, 0.5),
        "desk": Preset(MaskingPeopleOptions(), 0.05, 0.5),
    },
    claims=CLAIMS,
    stored=True,
)
def masking_people(setting: Setting, options: MaskingPeopleOptions) -> Result:
    """Accuracy of people against presentation time, with and without a mask."""
    if not options.people:
        raise ValueError(
            "people must name the trials of Tang, Schrimpf, Lotter et al. (PNAS 2018), published with the paper, as "
            "trials.parquet or a MATLAB struct with the same columns; got ''"
        )
    trials = read_masking(options.people)
    rows = [
        _row(trials, shown, masked, setting.seed, options.draws)
        for masked in (False, True)
        for shown in PRESENTATIONS_MS
    ]
    found = {
        f"mask_costs_at_{shown}_ms": _accuracy(trials, shown, (False, True), setting.seed, options.draws)
        for shown in (25, 150)
    }
    kept = {"people": len(np.unique(trials.person)), "trials": len(trials.person), "unanswered": trials.unanswered}
    notes = [{"people": "people", "note": note} for note in (unlike_published(trials),) if note]
    return Result({"masking_people": rows, "kept": [kept], "notes": notes}, claims=decide(CLAIMS, found, "people"))


def _row(trials: Masking, shown: int, masked: bool, seed: int, draws: int) -> dict[str, Any]:
    measured = _accuracy(trials, shown, (masked,), seed, draws)
    low, high = measured.interval or (np.nan, np.nan)
    mine = (trials.presentation_ms == shown) & (trials.masked == masked)
    return {
        "masked": masked,
        "presentation_ms": shown,
        "accuracy": measured.value,
        "low": low,
        "high": high,
        "reaction_ms": float(np.median(trials.reaction_ms[mine])),
        "trials": int(mine.sum()),
        "people": measured.n,
        "chance": CHANCE,
    }


def count_answers(trials: Masking, shown: int, masked: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Right answers, and all answers, of every person [P] to one presentation time, with or without a mask."""
    people = np.unique(trials.person)
    mine = (trials.presentation_ms == shown) & (trials.masked == masked)
    place = np.searchsorted(people, trials.person[mine])
    right = np.bincount(place, trials.correct[mine], minlength=len(people)).astype(np.float64)
    return right, np.bincount(place, minlength=len(people)).astype(np.float64)


def _accuracy(trials: Masking, shown: int, masks: tuple[bool, ...], seed: int, draws: int) -> Measured:
    """Accuracy over all trials with the first mask, less that with the second where there is one; people are drawn."""
    counted = [count_answers(trials, shown, masked) for masked in masks]

    def statistic(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
        shares = [(drawn @ right) / (drawn @ total) for right, total in counted]
        return np.asarray(shares[0] if len(shares) == 1 else shares[0] - shares[1])

    return bootstrap(statistic, len(np.unique(trials.person)), seed, draws)
