"""Predictions of the responses of neurons in time by models, beside baselines (Soo et al. 2024, Figure 6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cordsnet._checks import check_count, check_positive
from cordsnet.experiments.claims import Claim, Measured, above, at_least, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.needs import is_dynamical, reads_images
from cordsnet.experiments.recordings.costs import MOST_GB
from cordsnet.experiments.recordings.scoring import MAPPINGS, Scoring, activity_of, prepare, varies
from cordsnet.experiments.result import Result
from cordsnet.neural import Comparison, Scores, compare_scores

Rows = list[dict[str, Any]]
Numbers = NDArray[np.float64]
TABLES = ("neural_scores", "time", "comparisons", "notes", "skipped")
CONSTANT = "no area of it depends on the image in any bin; show images for longer, or set latency_ms or its ms per step"
LEAST_RELIABILITY = 0.1
MEASURES: tuple[Literal["pooled", "centred"], ...] = ("pooled", "centred")


@dataclass(frozen=True)
class NeuralScoresOptions:
    """Options of scores on a recording.

    Attributes
    ----------
    recording : file or folder of a recording, in a form that `cordsnet neural check` reads without options.
    pictures : folder or ZIP archive of its images: a picture of the name of each, or a folder of that name with
        several, which are shown one by one and over which answers are averaged, as the recording's are.
    mapping : regressor from units to neurons, "pls", "ridge" or "one_to_one".
    components : components of PLS.
    bins : "shared" fits one mapping to all time bins, as the paper does; "each" fits one to each bin.
    latency_ms : how much later than a model the recorded area answers, ms.
    image_ms : how long images are shown to models, ms; 0 is until the last bin ends.
    picture_degrees, model_degrees : size of the pictures and of the field of a model, degrees; 0 fills the field.
    choose_share : share of the images that choose the area of each model and are not scored.
    splits : number of splits of the other images.
    train_share : share of the images of a split on which mappings are fitted.
    draws : number of bootstrap samples.
    keep : folder in which activity of models is kept, so that an interrupted run goes on; an empty text keeps none.
    most_gb : memory above which a run is refused before images are shown, GB.
    """

    recording: str = ""
    pictures: str = ""
    mapping: Literal["pls", "ridge", "one_to_one"] = "pls"
    components: int = 25
    bins: Literal["shared", "each"] = "shared"
    latency_ms: float = 50.0
    image_ms: float = 0.0
    picture_degrees: float = 0.0
    model_degrees: float = 0.0
    choose_share: float = 0.2
    splits: int = 10
    train_share: float = 0.9
    draws: int = 500
    keep: str = ""
    most_gb: float = MOST_GB

    def __post_init__(self) -> None:
        check_count(self.components, "components")
        check_count(self.splits, "splits", 2, 1000)
        check_count(self.draws, "draws", 1, 100_000)
        check_positive(self.most_gb, "most_gb")
        for name in ("image_ms", "picture_degrees", "model_degrees"):
            if getattr(self, name):
                check_positive(getattr(self, name), name)
        if self.mapping not in MAPPINGS:
            raise ValueError(f"mapping must be one of {', '.join(MAPPINGS)}, got {self.mapping!r}")
        if self.bins not in ("shared", "each"):
            raise ValueError(f"bins must be 'shared' or 'each', got {self.bins!r}")
        for name in ("choose_share", "train_share"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} must be a share of images between 0 and 1, got {getattr(self, name):g}")


PAPER = "Soo et al. 2024, Figure 6"
TRAP = "reviewer: is it more than a time course that all images share?"
LESS = "mean over neurons of r less that of"
CLAIMS = (
    Claim("predicts_images", "The model predicts how neurons answer to images that were not fitted.", "control",
          "centred r on held-out images, median over neurons", above(0.0), of="neurons"),
    Claim("beats_pixels", "The model predicts neurons better than the pixels of the images.", "control",
          f"{LESS} pixels, each bin's mean removed", above(0.0), of="neurons"),
    Claim("beats_gabor", "The model predicts neurons better than Gabor filters.", "control",
          f"{LESS} Gabor energy, each bin's mean removed", above(0.0), of="neurons"),
    Claim("dynamics_predict_better", "A model that evolves in time predicts neurons better than a static one.", PAPER,
          f"{LESS} the static model, bins pooled", above(0.0), of="neurons"),
    Claim("also_without_time_course", "It predicts them better where each bin's mean over images is removed.", TRAP,
          f"{LESS} the static model, each bin's mean removed", above(0.0), of="neurons"),
    Claim("reaches_the_ceiling", "The model explains all that repeats of the recording allow.", "noise ceiling",
          "r^2 over the reliability, 0 where r is negative, median over neurons of reliability .1 or more, bins pooled",
          at_least(1.0), of="neurons"),
)  # fmt: skip


@experiment(
    "neural_scores",
    options=NeuralScoresOptions,
    presets={
        "smoke": Preset(NeuralScoresOptions(splits=3, draws=100), 0.5, 1.0),
        "desk": Preset(NeuralScoresOptions(), 3.0, 2.0),
        "paper": Preset(NeuralScoresOptions(draws=5000), 60.0, 16.0),
    },
    claims=CLAIMS,
    needs=(reads_images,),
    own_images=True,
)
def neural_scores(setting: Setting, options: NeuralScoresOptions) -> Result:
    """Correlation of predicted and recorded responses to held-out images, beside baselines and the noise ceiling.

    A mapping from the units of an area to all neurons is fitted on training images and predicts the others. The area of
    a model is that with the highest centred r on images that are not scored. Beside the pooled r of the paper stand r
    with the mean of each bin removed, which a time course that all images share does not raise, the mean time course
    itself, pixels and Gabor filters, on the same splits. The table "neural_scores" has a row for each model, area and
    measure; "time" one for each bin; "comparisons" one for each pair.
    """
    scoring = prepare(options, setting.seed)
    tables: dict[str, Rows] = {name: [] for name in TABLES}
    tables["notes"] += [{"model": "recording", "note": note} for note in scoring.notes]
    for label, model in setting.models.items():
        scoring.check_cost(label, model, options, setting.say)
    baselines = scoring.baselines()
    for name, found in baselines.items():
        tables["neural_scores"] += _score_rows(name, "", found, True)
        tables["time"] += _time_rows(name, found, scoring)
    best: dict[str, Scores] = {}
    for k, (label, model) in enumerate(setting.models.items()):
        setting.tell(label, k, len(setting.models))
        with activity_of(label, model.eval(), scoring.shown, scoring.recording.bins_ms, options) as activity:
            tables["notes"] += [{"model": label, "note": note} for note in activity[""]]
            areas = {area: scoring.of_area(values) for area, values in activity.items() if area and varies(values)}
        if not areas:
            tables["skipped"].append({"model": label, "part": "all", "reason": CONSTANT})
            continue
        chosen = max(areas, key=lambda area: np.nan_to_num(areas[area][0], nan=-np.inf))
        best[label] = areas[chosen][1]
        for area, (choice, scores) in areas.items():
            tables["neural_scores"] += _score_rows(label, area, scores, area == chosen, choice)
        tables["time"] += _time_rows(label, best[label], scoring)
    if not best:
        raise ValueError(f"nothing can be scored, since for every model {CONSTANT}")
    static = next((label for label in best if not is_dynamical(setting.models[label])), None)
    claims: list[Claim] = []
    for label in best:
        model = setting.models[label]
        others = {name: ("centred", found) for name, found in baselines.items()}
        beside = best[static] if static is not None and is_dynamical(model) else None
        compared = _compared(best[label], others, beside, options.draws, setting.seed)
        tables["comparisons"] += [_comparison_row(label, name, one) for name, one in compared.items()]
        claims += decide(CLAIMS, _measured(best[label], compared, setting.seed, options.draws), label)
    return Result(tables, claims=tuple(claims), meta=_about(scoring, static))


def _about(scoring: Scoring, static: str | None) -> dict[str, Any]:
    recording = scoring.recording
    return {
        "source": recording.source,
        "neurons": len(recording.neurons),
        "images": len(scoring.scored),
        "bins_ms": recording.bins_ms.tolist(),
        "static": static or "",
    }


def _score_rows(label: str, area: str, scores: Scores, chosen: bool, choice: float | None = None) -> Rows:
    """A row for each measure."""
    rows = []
    for measure in MEASURES:
        found, mean = scores.aggregate(measure), scores.aggregate(measure, "baseline")
        row: dict[str, Any] = {
            "model": label,
            "area": area,
            "chosen": chosen,
            "measure": measure,
            "r": float(found.value),
            "error": float(found.error),
            "mean_time_course": float(mean.value),
        }
        row |= {} if choice is None else {"choice": choice}
        if scores.ceiling is not None:
            row |= {
                "ceiling": float(scores.ceiling_value(measure)),
                "explained": float(scores.ceiled(measure)) if found.value > 0 else 0.0,
            }
        rows.append({key: value for key, value in row.items() if value == value})  # NaN where r is not defined
    return rows


def _time_rows(label: str, scores: Scores, scoring: Scoring) -> Rows:
    """A row for each bin of the area that was chosen."""
    found = scores.aggregate("per_bin")
    ceiling = None if scores.ceiling is None else scores.ceiling_value("per_bin")
    rows = []
    for k, place in enumerate(scores.bins):
        row = {"model": label, "time_ms": float(scoring.recording.centres_ms[place]), "r": float(found.value[k])}
        row |= {"error": float(found.error[k])} | ({} if ceiling is None else {"ceiling": float(ceiling[place])})
        rows.append(row)
    return rows


def _compared(
    own: Scores, others: Mapping[str, tuple[Any, Scores]], static: Scores | None, draws: int, seed: int
) -> dict[str, Comparison]:
    """Differences from the baselines, and from the static model by both measures."""
    found = {
        name: compare_scores(own, other, measure=measure, draws=draws, seed=seed)
        for name, (measure, other) in others.items()
    }
    if static is not None:
        for measure in MEASURES:
            found[f"static, {measure}"] = compare_scores(own, static, measure=measure, draws=draws, seed=seed)
    return found


def _comparison_row(label: str, name: str, found: Comparison) -> dict[str, Any]:
    low, high = found.interval
    return {
        "model": label,
        "less": name,
        "difference": found.value,
        "low": low,
        "high": high,
        "p_value": found.test.p_value,
        "neurons": found.neurons,
    }


def _measured(own: Scores, compared: Mapping[str, Comparison], seed: int, draws: int) -> dict[str, Measured]:
    """Values of the claims. Intervals of differences are over images and neurons, others over neurons."""
    found = {"predicts_images": _median(_over_splits(own.model.centred), seed, draws)}
    names = {
        "beats_pixels": "pixels",
        "beats_gabor": "gabor",
        "dynamics_predict_better": "static, pooled",
        "also_without_time_course": "static, centred",
    }
    for claim, name in names.items():
        if name in compared:
            found[claim] = Measured(compared[name].value, compared[name].interval, compared[name].neurons)
    if own.ceiling is not None:
        reliability = _over_splits(own.ceiling.pooled)
        reliable = reliability >= LEAST_RELIABILITY  # shares of nearly nothing are of any size
        r = np.maximum(_over_splits(own.model.pooled), 0)
        share = np.divide(r**2, reliability, out=np.full(r.shape, np.nan), where=reliable)
        found["reaches_the_ceiling"] = _median(share, seed, draws)
    return found


def _over_splits(values: Numbers) -> Numbers:
    """Mean over splits of each neuron [N]; NaN where no split has a value."""
    known = np.isfinite(values)
    total = np.where(known, values, 0).sum(0)
    found: Numbers = np.divide(total, known.sum(0), out=np.full(total.shape, np.nan), where=known.any(0))
    return found


def _median(values: Numbers, seed: int, draws: int) -> Measured:
    """Median over the neurons that have a value, with a bootstrap interval over them."""
    known = values[np.isfinite(values)]
    if not len(known):
        return Measured(float("nan"), None, 0)
    rows = np.random.default_rng(seed).integers(len(known), size=(draws, len(known)))
    low, high = np.quantile(np.median(known[rows], 1), [0.025, 0.975])
    return Measured(float(np.median(known)), (float(low), float(high)), len(known))
