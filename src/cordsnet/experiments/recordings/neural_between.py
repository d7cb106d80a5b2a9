"""Models beside animals: is a model as close to an animal as other animals are (Feather et al. 2025)?"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cordsnet._checks import check_count, check_positive
from cordsnet.errors import DataError
from cordsnet.experiments.claims import Claim, Measured, at_least, below, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.needs import reads_images
from cordsnet.experiments.recordings.animals import Animals, read_animals
from cordsnet.experiments.recordings.costs import MOST_GB, check_cost, cost_of_distances, units_of
from cordsnet.experiments.recordings.scoring import activity_of, small_pictures
from cordsnet.experiments.recordings.shown import one_each
from cordsnet.experiments.result import Result
from cordsnet.models import VisionModel
from cordsnet.neural import BetweenAnimals, between_animals, compare_rdms, gabor_features, pixel_features, rdm_movie

Rows = list[dict[str, Any]]
Numbers = NDArray[np.float64]
METRICS = ("correlation", "cosine", "euclidean")
METHODS = ("spearman", "pearson", "cosine")
FEWEST_IMAGES = 10
PIXELS = "pixels"
CONSTANT = "no area of it has distances between images; show images for longer, or set latency_ms or its ms per step"


@dataclass(frozen=True)
class NeuralBetweenOptions:
    """Options of models beside animals.

    Attributes
    ----------
    recording : files or folders of recordings of the same images, one for each animal; or one, with `divide`.
    pictures : folder or ZIP archive of the images; one for all, by whose names images are the same, or one for each
        recording, and then images are the same where pixels are.
    divide : "files" takes each recording as an animal; "animal" divides one by the label animal of its neurons;
        "halves" divides one into random halves of neurons and repeats, which say nothing about other animals.
    metric : distance between responses to two images, "correlation", "cosine" or "euclidean".
    method : agreement of two matrices of distances, "spearman", "pearson" or "cosine".
    latency_ms : how much later than a model the recorded area answers, ms.
    image_ms : how long images are shown to models, ms; 0 is until the last bin ends.
    picture_degrees, model_degrees : size of the pictures and of the field of a model, degrees; 0 fills the field.
    choose_share : share of the images that choose the area of each model and are not compared.
    draws : bootstrap samples of images.
    keep : folder in which activity of models is kept, so that an interrupted run goes on; an empty text keeps none.
    most_gb : memory above which a run is refused before images are shown, GB.
    """

    recording: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    divide: Literal["files", "animal", "halves"] = "files"
    metric: Literal["correlation", "cosine", "euclidean"] = "correlation"
    method: Literal["spearman", "pearson", "cosine"] = "spearman"
    latency_ms: float = 50.0
    image_ms: float = 0.0
    picture_degrees: float = 0.0
    model_degrees: float = 0.0
    choose_share: float = 0.2
    draws: int = 200
    keep: str = ""
    most_gb: float = MOST_GB

    def __post_init__(self) -> None:
        check_count(self.draws, "draws", 20, 100_000)
        check_positive(self.most_gb, "most_gb")
        for name in ("image_ms", "picture_degrees", "model_degrees"):
            if getattr(self, name):
                check_positive(getattr(self, name), name)
        for name, known in (("divide", ("files", "animal", "halves")), ("metric", METRICS), ("method", METHODS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}")
        if not 0 < self.choose_share < 1:
            raise ValueError(f"choose_share must be a share of images between 0 and 1, got {self.choose_share:g}")


PAPER = "Feather, Khosla, Murty & Nayebi 2025"
LESS = "agreement of distances between images with each animal, less that of the animals with one another, mean"
CLAIMS = (
    Claim("as_close_as_animals", "The model is as close to an animal as other animals are.", PAPER, LESS,
          at_least(0.0)),
    Claim("pixels_are_further", "Pixels are further from an animal than other animals are.", "control", LESS,
          below(0.0)),
)  # fmt: skip
OF_MODELS, OF_PIXELS = CLAIMS[:1], CLAIMS[1:]


@experiment(
    "neural_between",
    options=NeuralBetweenOptions,
    presets={
        "smoke": Preset(NeuralBetweenOptions(draws=20), 0.5, 1.0),
        "desk": Preset(NeuralBetweenOptions(), 3.0, 2.0),
        "paper": Preset(NeuralBetweenOptions(draws=2000), 30.0, 4.0),
    },
    claims=CLAIMS,
    needs=(reads_images,),
    own_images=True,
)
def neural_between(setting: Setting, options: NeuralBetweenOptions) -> Result:
    """Agreement of models with animals, beside the agreement of the animals with one another, on the same images.

    Each population has a matrix of distances between its responses to two images. The area of a model is that which
    agrees most with the animals on images that are not compared. Beside models stand pixels and Gabor energy. The table
    "between" has a row for each model and area, of responses averaged over bins; "time" one for each bin; "pairs" one
    for each pair of animals. Intervals are over images, and over animals where there are three.
    """
    animals = read_animals(options.recording, options.pictures, options.divide, setting.seed)
    images, bins, number = len(animals.pictures), len(animals.bins_ms), len(animals.responses)
    for label, model in setting.models.items():
        cost = cost_of_distances(label, units_of(model), images, bins, number)
        setting.say(str(cost))
        check_cost(cost, options.most_gb)
    study = _Study.make(animals, options, setting.seed)
    tables: dict[str, Rows] = {name: [] for name in ("between", "pairs", "time", "notes", "skipped")}
    tables["notes"] += [{"model": "recording", "note": note} for note in (*animals.notes, *study.notes)]
    tables["pairs"] += study.pair_rows()
    claims: list[Claim] = []
    setting.tell("pixels and Gabor filters", 0, len(setting.models) + 1)
    small = small_pictures(animals.pictures)
    for name, features in {PIXELS: pixel_features(small), "gabor": gabor_features(small)}.items():
        found = study.compared(np.asarray(features, float)[:, None])
        tables["between"].append(_row(name, "", found, True))
        if name == PIXELS:
            claims += study.decided(OF_PIXELS, found, name)
    for k, (label, model) in enumerate(setting.models.items(), 1):
        setting.tell(label, k, len(setting.models) + 1)
        one = _of_model(label, model.eval(), study, options, tables)
        if one is None:
            tables["skipped"].append({"model": label, "part": "all", "reason": CONSTANT})
        else:
            claims += study.decided(OF_MODELS, one, label)
    about = {
        "source": animals.source,
        "animals": {name: values.shape[2] for name, values in animals.responses.items()},
        "are_animals": animals.are_animals,
        "images": len(study.scored),
        "bins_ms": animals.bins_ms.tolist(),
        "status": tables["between"][0]["status"],
    }
    return Result(tables, claims=tuple(claims), meta=about)


def _of_model(
    label: str, model: VisionModel, study: "_Study", options: NeuralBetweenOptions, tables: dict[str, Rows]
) -> BetweenAnimals | None:
    """Fill the tables with the areas of a model; the comparison of the chosen one, None where no area has distances."""
    animals = study.animals
    with activity_of(label, model, one_each(animals.pictures), animals.bins_ms, options) as activity:
        tables["notes"] += [{"model": label, "note": note} for note in activity[""]]
        whole = {name: study.window(np.asarray(values[:], float)) for name, values in activity.items() if name}
        choice = {name: study.choice(values) for name, values in whole.items()}
        known = {name: value for name, value in choice.items() if np.isfinite(value)}
        if not known:
            return None
        chosen = max(known, key=lambda name: known[name])
        found = study.compared(whole[chosen])
        for name in known:
            one = found if name == chosen else study.compared(whole[name], 2)
            tables["between"].append(_row(label, name, one, name == chosen, known[name]))
        if len(animals.bins_ms) > 1:
            tables["time"] += study.time_rows(label, np.asarray(activity[chosen][:], float))
    return found


@dataclass(frozen=True, eq=False)
class _Study:
    """Animals, and what each image is for."""

    animals: Animals
    choosing: NDArray[np.intp]
    scored: NDArray[np.intp]
    options: NeuralBetweenOptions
    seed: int

    @classmethod
    def make(cls, animals: Animals, options: NeuralBetweenOptions, seed: int) -> "_Study":
        """Divide the images. Raises DataError where too few are left, or an animal has no distances."""
        images = len(animals.pictures)
        order = np.random.default_rng(seed).permutation(images)
        first = round(options.choose_share * images)
        if min(first, images - first) < FEWEST_IMAGES:
            raise DataError(
                f"choose_share = {options.choose_share:g} divides {images} shared images into {first} that choose an "
                f"area and {images - first} that are compared; {FEWEST_IMAGES} of each are needed"
            )
        made = cls(animals, np.sort(order[:first]), np.sort(order[first:]), options, seed)
        for name, values in animals.responses.items():
            if not np.isfinite(made.rdm(made.window(values), np.arange(images))).all():
                raise DataError(
                    f"{name} answers some image without a spike, or alike with all neurons, so that it has no "
                    f"{options.metric} distance; choose metric 'euclidean'"
                )
        return made

    @property
    def notes(self) -> list[str]:
        """Sentences on what the comparison can show."""
        notes = [
            f"{len(self.choosing)} of {len(self.animals.pictures)} images choose the area of each model, and are not "
            "compared",
            "a model has no noise and all of its units are seen, while an animal has noise and is seen by its recorded "
            "neurons alone, so that the bar is on the low side: falling below it says more than reaching it",
        ]
        if len(self.animals.bins_ms) == 1:
            notes.append("the recordings have one time bin, so that they say nothing about responses over time")
        return notes

    def window(self, values: Numbers) -> Numbers:
        """Mean over bins [I, 1, units], each weighted by its duration."""
        if values.shape[1] == 1:
            return values
        durations = np.diff(self.animals.bins_ms, axis=1)[:, 0]
        found: Numbers = np.einsum("itn,t->in", values, durations / durations.sum())[:, None]
        return found

    def rdm(self, values: Numbers, rows: NDArray[np.intp]) -> Numbers:
        """Distances [T, pairs] of some images."""
        return rdm_movie(values[rows], self.options.metric)

    def theirs(self, rows: NDArray[np.intp]) -> list[Numbers]:
        """Distances of each animal, of responses averaged over bins [1, pairs]."""
        return [self.rdm(self.window(values), rows) for values in self.animals.responses.values()]

    def choice(self, values: Numbers) -> float:
        """Mean agreement with the animals on the images that choose; NaN where there are no distances."""
        own = self.rdm(values, self.choosing)
        if not has_distances(own) or not has_distances(self.rdm(values, self.scored)):
            return float("nan")
        theirs = self.theirs(self.choosing)
        return float(np.mean([compare_rdms(own, one, self.options.method) for one in theirs]))

    def compared(self, values: Numbers, draws: int | None = None) -> BetweenAnimals:
        """The comparison on the other images, of activity averaged over bins [I, 1, units]."""
        return between_animals(
            self.rdm(values, self.scored),
            self.theirs(self.scored),
            self.options.method,
            draws=draws or self.options.draws,
            seed=self.seed,
        )

    def time_rows(self, label: str, values: Numbers) -> Rows:
        """A row for each bin in which all have distances."""
        own = self.rdm(values, self.scored)
        theirs = np.stack([self.rdm(one, self.scored) for one in self.animals.responses.values()])
        known = [t for t in range(len(own)) if all(map(has_distances, (own[t], *theirs[:, t])))]
        if not known:
            return []
        found = between_animals(own[known], theirs[:, known], self.options.method, self.options.draws, self.seed)
        centres = self.animals.bins_ms.mean(1)
        return [
            {"model": label, "time_ms": float(centres[t]), **_numbers(found, k)} for k, t in enumerate(known)
        ]  # fmt: skip

    def pair_rows(self) -> Rows:
        """Agreement of each pair of animals."""
        names, theirs = list(self.animals.responses), self.theirs(self.scored)
        return [
            {
                "animal": names[k],
                "other": names[j],
                "agreement": float(compare_rdms(theirs[k], theirs[j], self.options.method).item()),
                "neurons": self.animals.responses[names[k]].shape[2],
                "other_neurons": self.animals.responses[names[j]].shape[2],
            }
            for k in range(len(names))
            for j in range(k + 1, len(names))
        ]

    def decided(self, claims: tuple[Claim, ...], found: BetweenAnimals, subject: str) -> tuple[Claim, ...]:
        """Claims with what was found; halves of a session, or files of one animal, decide none."""
        low, high = map(float, found.interval[0])
        measured = Measured(float(found.difference[0]), (low, high), found.n_images)
        return decide(claims, {claims[0].name: measured} if self.animals.are_animals else {}, subject)


def has_distances(rdm: Numbers) -> bool:
    """True if all distances are numbers and some differ."""
    return bool(np.isfinite(rdm).all() and np.ptp(rdm) > 0)


def _numbers(found: BetweenAnimals, t: int) -> dict[str, Any]:
    """Agreements in a bin, their difference with its interval, and the verdict."""
    row = {"agreement": float(found.model[:, t].mean()), "animals": float(found.animals[:, t].mean())}
    row |= {"difference": float(found.difference[t]), "spread": float(found.spread[t])}
    row |= {"low": float(found.interval[t, 0]), "high": float(found.interval[t, 1])}
    return row | {"verdict": found.verdicts[t].name.lower().replace("_", " ")}


def _row(label: str, area: str, found: BetweenAnimals, chosen: bool, choice: float | None = None) -> dict[str, Any]:
    """A row of the table "between"; areas that were not chosen have no interval."""
    row = {"model": label, "area": area, "chosen": chosen, **_numbers(found, 0)}
    row |= {} if choice is None else {"choice": choice}
    hidden = () if chosen else ("low", "high", "verdict")
    return {key: value for key, value in row.items() if key not in hidden} | {"status": found.status.value}
