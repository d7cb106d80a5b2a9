"""Decision times of models against reaction times of people, by condition (Maniquet, Op de Beeck & Costantino 2025)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_positive
from cordsnet._intervals import percentile_interval
from cordsnet.data.people.images2025 import ChallengeImages
from cordsnet.data.people.maniquet2025 import CATEGORIES
from cordsnet.experiments.claims import Claim, Measured, above, decide
from cordsnet.experiments.decision_times import MEASURES, decision_times
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import rank_correlations, share
from cordsnet.experiments.needs import dynamics
from cordsnet.experiments.people.challenge_data import CONTROL, CONTROL_CLAIM, read_people
from cordsnet.experiments.people.condition_times import Drawn, draw_medians
from cordsnet.experiments.people.pictures import as_inputs, reads_pictures
from cordsnet.experiments.people.readout import fit_readout
from cordsnet.experiments.people.responses import respond
from cordsnet.experiments.reading import after_control
from cordsnet.experiments.result import Result

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]

GRAIN_MS, EVERY_MS = 50.0, 10.0
LEAST = 0.1
"""Share of the response below which a feature is not scaled up to the others, since it is read at all times."""
CHUNK = 120
"""Images that are simulated together."""


@dataclass(frozen=True)
class ReactionTimeOptions:
    """Images, times and when a decision counts.

    Attributes
    ----------
    people : needed: folder of human_and_models.json and images.zip, the answers and images of Maniquet et al. (2025),
        published with https://doi.org/10.1038/s41598-025-20245-w and at
        https://github.com/TimManiquet/recurrent_issues_DNNs, in the form of docs/how_to/compare_models.md.
    photographs : number of photographs of each category, shown in all 17 conditions; 0 is all.
    read_ms : how long an image stays; the read-out is fitted to the last quarter of it.
    before_ms : grey before the image.
    threshold : of the margin of scores; with 1 the answer is e times as likely as the next.
    share : of the response, within which scores count as settled.
    stay_ms : for how long, at the end, a trial must have stayed above the threshold or settled.
    folds : of the cross-validation by photograph.
    draws : number of samples of people and photographs.
    """

    people: str = ""
    photographs: int = 0
    read_ms: float = 500.0
    before_ms: float = 100.0
    threshold: float = 1.0
    share: float = 0.1
    stay_ms: float = 100.0
    folds: int = 5
    draws: int = 1000

    def __post_init__(self) -> None:
        check_count(self.photographs, "photographs", 0)
        check_count(self.draws, "draws", 1)
        for name in ("before_ms", "threshold"):
            check_positive(getattr(self, name), name)
        if not self.read_ms > 0 or self.read_ms % GRAIN_MS:
            raise ValueError(f"read_ms must be a multiple of {GRAIN_MS:g} ms, got {self.read_ms:g}")
        if not 0 < self.share < 1 or not self.share * self.read_ms < self.stay_ms < self.read_ms:
            raise ValueError(
                f"stay_ms must be between share x read_ms and read_ms, with a share of 0 to 1, got {self.stay_ms:g}"
            )


SOURCES = {
    "threshold": "Maniquet et al. 2025; Cheng et al. 2024 read times at a threshold",
    "uncertainty": "Maniquet et al. 2025; Goetschalckx et al. 2023",
    "settling": "Maniquet et al. 2025",
}
OVER = "over 17 conditions of the median time of the model with the median reaction time of people"
CLAIMS = (
    CONTROL_CLAIM,
    *(
        Claim(
            f"{measure}_orders_conditions",
            f"Where people are slow, the model is slow by its {measure} time.",
            SOURCES[measure],
            f"Spearman's correlation {OVER}; time of the model: {MEASURES[measure]}",
            above(0.0),
            of="photographs",
        )
        for measure in MEASURES
    ),
    *(
        Claim(
            f"{which}_time_orders_conditions",
            f"Where people are slow, the model is slow even by the {which} of three measures of its time."
            if which == "worst"
            else "Where people are slow, the model is slow by at least one of three measures of its time.",
            SOURCES["settling"],
            f"{size} of three of Spearman's correlations {OVER}, chosen anew in every sample",
            above(0.0),
            of="photographs",
        )
        for which, size in (("best", "largest"), ("worst", "smallest"))
    ),
)
NOTE = (
    "the read-out is a logistic regression without offset on the response of the top area to control images, and reads "
    "each photograph by weights that were not fitted to it; times are of all trials, right or wrong, with undecided "
    "ones last, and are those of the model alone: people also need time to move; people saw half of the conditions "
    "each, so that the median of a condition is over those who saw it"
)


@experiment(
    "reaction_time",
    options=ReactionTimeOptions,
    presets={
        "smoke": Preset(ReactionTimeOptions(photographs=2, folds=2, draws=200), 0.3, 0.5),
        "desk": Preset(ReactionTimeOptions(), 2.0, 2.0),
        "paper": Preset(ReactionTimeOptions(draws=10_000), 400.0, 32.0),
    },
    claims=CLAIMS,
    needs=(reads_pictures, dynamics),
)
def reaction_time(setting: Setting, options: ReactionTimeOptions) -> Result:
    """Rank correlation of three decision times with reaction times of people over conditions; best and worst."""
    data, images = read_people(options.people, options.photographs)
    tables: dict[str, Rows] = {name: [] for name in ("reaction_time", "conditions", "notes")}
    claims: list[Claim] = []
    for k, (label, model) in enumerate(setting.models.items()):
        setting.tell(label, k, len(setting.models))
        notes = [NOTE]
        times, right = condition_times(model.eval(), images, options, setting.seed, notes)
        drawn = draw_medians(times, data.reaction_ms, options.draws, setting.seed)
        chance = 1 / len(CATEGORIES)
        control = share(int(right.sum()), len(right))
        found = measure(drawn)
        every = decide(CLAIMS, found | {CONTROL: _less(control, chance)}, label)
        decided, unread = after_control(every, CONTROL, chance)
        notes += unread
        about = {"model": label, "photographs": len(images.category), "people": len(data.people)}
        undecided = {name: int(np.isinf(ms).sum()) for name, ms in times.items()}
        about |= {"control_accuracy": control.value}
        tables["reaction_time"] += [about | row for row in _fit_rows(found, undecided, images)]
        tables["conditions"] += [{"model": label} | row for row in _condition_rows(drawn, times, data.conditions)]
        tables["notes"] += [{"model": label, "note": note} for note in dict.fromkeys(notes)]
        claims += decided
    return Result(tables, claims=tuple(claims))


@check_arguments
def condition_times(
    model: Any, images: ChallengeImages, options: ReactionTimeOptions, seed: int = 0, notes: list[str] | None = None
) -> tuple[dict[str, Array], NDArray[np.bool_]]:
    """Decision times of each photograph in each condition [N, 17], ms from onset, and if its control image is read [N].

    Times are infinite if undecided. The read-out is fitted to control images at the end; what is chosen and rounded is
    appended to `notes`.
    """
    said: list[str] = [] if notes is None else notes
    pixels = images.pixels / 255
    ground = float(np.median(pixels[0, :, [0, 0, -1, -1], [0, -1, 0, -1]]))
    grey = as_inputs(model, np.full((1, *model.input_shape[1:]), ground))
    found: dict[str, list[Array]] = {name: [] for name in MEASURES}
    readout = None
    for k, one in enumerate(pixels):
        shown = as_inputs(model, one, said if k == 0 else None)
        time_ms, values = _courses(model, shown, grey, options, seed, said)
        if readout is None:
            late = values[time_ms > 0.75 * options.read_ms].mean(0, dtype=np.float64)
            readout = fit_readout(
                late, images.category, groups=images.number, folds=options.folds, seed=seed, floor=LEAST
            )
            right = readout.scores(late).argmax(-1) == images.category
        scores = torch.from_numpy(readout.scores(values))
        scores = torch.cat([torch.zeros_like(scores[:1]), scores])  # no response, and no evidence, at onset
        times = torch.from_numpy(np.concatenate([[0.0], time_ms]))
        measured = decision_times(scores, times, options.threshold, options.share, options.stay_ms)
        for name, one_time in measured.items():
            found[name].append(one_time.censored().numpy())
    return {name: np.stack(columns, 1) for name, columns in found.items()}, right


def _less(measured: Measured, chance: float) -> Measured:
    """An accuracy less chance."""
    assert measured.interval is not None
    low, high = measured.interval
    return Measured(measured.value - chance, (low - chance, high - chance), measured.n)


def _courses(
    model: Any, shown: Tensor, grey: Tensor, options: ReactionTimeOptions, seed: int, notes: list[str]
) -> tuple[Array, NDArray[np.float32]]:
    """Times [T] and responses [T, N, F] to images that stay; notes that are new are appended."""
    parts = []
    for start in range(0, len(shown), CHUNK):
        response = respond(
            model,
            [(shown[start : start + CHUNK], options.read_ms)],
            grey,
            before_ms=options.before_ms,
            every_ms=EVERY_MS,
            grain_ms=GRAIN_MS,
            seed=seed,
        )
        notes += [note for note in response.notes if note not in notes]
        parts.append(response)
    return parts[0].time_ms, np.concatenate([part.values for part in parts], 1)


@check_arguments
def measure(drawn: Drawn) -> dict[str, Measured]:
    """Measure all claims; intervals are over people and photographs, drawn together."""
    values = {name: rank_correlations(medians, drawn.people) for name, medians in drawn.model.items()}
    found = {f"{name}_orders_conditions": _measured(row, drawn.photographs) for name, row in values.items()}
    all_of_them = np.stack(list(values.values()))
    known = np.asarray(np.isfinite(all_of_them).any(axis=0))
    best, worst = np.full(all_of_them.shape[1], np.nan), np.full(all_of_them.shape[1], np.nan)
    best[known], worst[known] = np.nanmax(all_of_them[:, known], 0), np.nanmin(all_of_them[:, known], 0)
    found["best_time_orders_conditions"] = _measured(best, drawn.photographs)
    found["worst_time_orders_conditions"] = _measured(worst, drawn.photographs)
    return found


def _measured(values: Array, n: int) -> Measured:
    """The first value, with the interval of the others."""
    return Measured(float(values[0]), percentile_interval(values[1:], float(values[0])), n)


def _fit_rows(found: dict[str, Measured], undecided: dict[str, int], images: ChallengeImages) -> Rows:
    trials = images.pixels.shape[0] * images.pixels.shape[1]
    rows: Rows = []
    for name, one in found.items():
        ends = {} if one.interval is None else dict(zip(("low", "high"), one.interval, strict=True))
        measure_name = name.removesuffix("_orders_conditions").replace("_time", "")
        row = {"measure": measure_name, "correlation": one.value, "trials": trials} | ends
        rows.append(row | ({"undecided": undecided[measure_name]} if measure_name in undecided else {}))
    return rows


def _condition_rows(drawn: Drawn, times: dict[str, Array], conditions: tuple[str, ...]) -> Rows:
    return [
        {
            "measure": name,
            "condition": condition,
            "median_ms": medians[0, k] if np.isfinite(medians[0, k]) else None,
            "undecided": int(np.isinf(times[name][:, k]).sum()),
            "people_ms": drawn.people[0, k],
        }
        for name, medians in drawn.model.items()
        for k, condition in enumerate(conditions)
    ]
