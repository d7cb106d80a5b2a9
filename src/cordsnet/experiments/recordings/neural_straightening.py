"""Curvature of movies in pixels, neurons and areas of models: are natural ones straightened, and synthetic ones not?"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

from cordsnet._checks import check_count, check_positive
from cordsnet.dynamics.limits import in_words
from cordsnet.experiments.claims import Claim, Measured, above, below, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.needs import reads_images, same_each_time
from cordsnet.experiments.recordings.movies import (
    BLOCK_BYTES,
    NATURAL,
    SYNTHETIC,
    Movies,
    Numbers,
    Shown,
    read_movies,
    show_movies,
    without_noise,
)
from cordsnet.experiments.result import Result
from cordsnet.neural import Straightening, StraighteningContrast, straightening, straightening_contrast

Rows = list[dict[str, Any]]
NEURONS = "neurons"


@dataclass(frozen=True)
class NeuralStraighteningOptions:
    """Options of straightening.

    Attributes
    ----------
    recording : file of a recording whose images are frames, with the labels category (natural or synthetic), movie,
        frame and, if any, zoom (zoom1x or zoom2x); or a folder of such .npz files, one for each penetration. An empty
        text measures models alone.
    frames : folder or ZIP archive with natural frames as MOVIE/groundtruth1, MOVIE/groundtruth2 and so on.
    zoom : 1 takes whole frames, 2 their central half.
    areas : "all" areas of a model, or the "top" one.
    image_ms : how long models see a frame, ms.
    read : activity of models is the mean over this time, "window", or the state at its end, "last".
    draws : bootstrap samples of movies for the intervals of summed products; others are by Student's t over movies.
    movie_draws : bootstrap samples of neurons and repeats for the interval of each movie of a recording; 0 for none.
    """

    recording: str = ""
    frames: str = ""
    zoom: int = 1
    areas: Literal["all", "top"] = "all"
    image_ms: float = 200.0
    read: Literal["window", "last"] = "window"
    draws: int = 2000
    movie_draws: int = 200

    def __post_init__(self) -> None:
        check_count(self.zoom, "zoom", 1, 2)
        check_count(self.draws, "draws", 20, 100_000)
        check_count(self.movie_draws, "movie_draws", 0, 100_000)
        check_positive(self.image_ms, "image_ms")
        for name, known in (("areas", ("all", "top")), ("read", ("window", "last"))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be {known[0]!r} or {known[1]!r}, got {getattr(self, name)!r}")


PAPER = "Henaff et al., Nature Communications 2021"
MODELS = "Henaff et al. 2019 and 2021, asked of models"
LESS = "curvature less that of the pixels, degrees"
CLAIMS = (
    Claim("neurons_straighten_natural", "Neurons straighten natural sequences.", PAPER,
          f"{LESS}, natural movies, all neurons", below(0.0), of="movies"),
    Claim("neurons_bend_synthetic", "Neurons bend sequences that are straight in pixels.", PAPER,
          f"{LESS}, synthetic movies, all neurons", above(0.0), of="movies"),
    Claim("neurons_prefer_natural", "Neurons straighten natural sequences more than synthetic ones.", PAPER,
          f"{LESS}, natural less synthetic, all neurons", below(0.0), of="movies"),
    Claim("top_area_straightens_natural", "The top area of the model straightens natural sequences.", MODELS,
          f"{LESS} that the model reads, natural movies", below(0.0), of="movies"),
    Claim("top_area_bends_synthetic", "The top area of the model bends sequences that are straight in pixels.", MODELS,
          f"{LESS} that the model reads, synthetic movies", above(0.0), of="movies"),
    Claim("top_area_prefers_natural", "The top area straightens natural sequences more than synthetic ones.", MODELS,
          f"{LESS} that the model reads, natural less synthetic", below(0.0), of="movies"),
)  # fmt: skip
OF_NEURONS, OF_MODELS = CLAIMS[:3], CLAIMS[3:]


@experiment(
    "neural_straightening",
    options=NeuralStraighteningOptions,
    presets={
        "smoke": Preset(NeuralStraighteningOptions(draws=200, movie_draws=20), 0.5, 1.0),
        "desk": Preset(NeuralStraighteningOptions(), 1.0, 1.0),
        "paper": Preset(NeuralStraighteningOptions(draws=20_000, movie_draws=1000), 5.0, 2.0),
    },
    claims=CLAIMS,
    needs=(reads_images, same_each_time),
    own_images=True,
)
def neural_straightening(setting: Setting, options: NeuralStraighteningOptions) -> Result:
    """Curvature of natural and synthetic movies in neurons and in every area of models, less that of the pixels.

    Curvature of neurons is estimated from products of different repeats, so that noise does not bend it. The table
    "straightening" has a row for each population and area, "movies" one for each of their movies, with an interval over
    neurons and repeats where there are neurons. Values are means over
    movies of the curvature of a movie less that of its pixels, so that a population that copies pixels has 0. Beside
    them stand angles of products that are summed over movies ("summed"): they bear more noise, and weigh movies with
    long neural steps more. Claims on models are about their top area.
    """
    movies = read_movies(options.recording, options.frames, options.zoom)
    tables: dict[str, Rows] = {name: [] for name in ("straightening", "movies", "notes")}
    tables["notes"] += [{"model": "recording", "note": note} for note in movies.notes]
    claims: list[Claim] = []
    size = sum(natural.nbytes + synthetic.nbytes for natural, synthetic in movies.populations.values())
    held = in_words(3 * size + 3 * movies.natural.nbytes + BLOCK_BYTES)
    counts = f"{len(movies.names)} movies of {movies.natural.shape[1]} frames, twice, to {len(setting.models)} models"
    setting.say(f"{counts}; about {held} of memory")

    def measure(model: str, area: str, units: int, seen: Straightening, faded: Straightening) -> StraighteningContrast:
        found = straightening_contrast(seen, faded, draws=options.draws, seed=setting.seed)
        tables["straightening"].append(_row(model, area, units, seen, faded, found))
        tables["movies"].extend(_movie_rows(model, area, movies, seen, faded))
        return found

    for k, (name, (seen, faded)) in enumerate(movies.populations.items()):
        setting.tell(f"neurons, {name}", k, len(movies.populations))
        how: dict[str, Any] = {"draws": options.movie_draws, "seed": setting.seed}
        parts = straightening(seen, movies.natural, **how), straightening(faded, movies.synthetic, **how)
        found = measure(NEURONS, name, seen.shape[-1], *parts)
        if not k:  # all neurons, or those of the only file
            claims += decide(OF_NEURONS, _measured(*parts, found, OF_NEURONS), NEURONS)
    for k, (label, model) in enumerate(setting.models.items()):
        setting.tell(label, k, len(setting.models))
        natural, synthetic, notes = show_movies(
            model.eval(), movies, image_ms=options.image_ms, read=options.read, areas=options.areas
        )
        tables["notes"] += [{"model": label, "note": note} for note in notes]
        for area, units in natural.units.items():
            parts = _of_model(natural, area), _of_model(synthetic, area)
            found = measure(label, area, units, *parts)
        claims += decide(OF_MODELS, _measured(*parts, found, OF_MODELS), label)  # of the last area, the top one
    about = {"source": movies.source, "movies": list(movies.names), "populations": list(movies.populations)}
    return Result(tables, claims=tuple(claims), meta=about)


def _of_model(shown: Shown, area: str) -> Straightening:
    """Straightening of movies by an area of a model, without intervals of single ones."""
    return straightening(without_noise(shown.activity[area]), shown.pixels, draws=0)


def _row(
    model: str, area: str, units: int, seen: Straightening, faded: Straightening, summed: StraighteningContrast
) -> dict[str, Any]:
    """Means over movies with intervals, how many could not be estimated, and the angles of summed products."""
    row: dict[str, Any] = {"model": model, "area": area, "units": units, "movies": summed.n_movies}
    for k, (category, one) in enumerate(((NATURAL, seen), (SYNTHETIC, faded))):
        found = _mean(one.value)
        row |= {
            f"{category}_pixels": float(one.pixels.mean()),
            f"{category}_population": _mean(np.array([movie.value for movie in one.neural])).value,
            category: found.value,
            f"{category}_not_estimated": summed.n_movies - one.n_estimated,
            f"{category}_summed": summed.categories[k],
        }
        row |= _ends(f"{category}_", found.interval) | _ends(f"{category}_summed_", summed.category_intervals[k])
    row |= {"difference": summed.mean_difference, "difference_summed": summed.value, "pairs": summed.n_pairs}
    row |= _ends("difference_", summed.mean_interval) | _ends("difference_summed_", summed.interval)
    return row | {"status": summed.status.value}


def _mean(values: Numbers) -> Measured:
    """Mean of the movies that have a value, with a 95 % interval by Student's t."""
    known = values[~np.isnan(values)]
    if not len(known):
        return Measured(float("nan"), None, 0)
    mean = float(known.mean())
    if len(known) < 2:
        return Measured(mean, None, 1)
    reach = float(stats.t.ppf(0.975, len(known) - 1)) * float(known.std(ddof=1)) / len(known) ** 0.5
    return Measured(mean, (mean - reach, mean + reach), len(known))


def _ends(name: str, interval: tuple[float, float] | None) -> dict[str, float]:
    return {} if interval is None else {f"{name}low": interval[0], f"{name}high": interval[1]}


def _movie_rows(model: str, area: str, movies: Movies, seen: Straightening, faded: Straightening) -> Rows:
    """A row for each movie and category."""
    rows: Rows = []
    for category, one in ((NATURAL, seen), (SYNTHETIC, faded)):
        for k, movie in enumerate(movies.names):
            row = {"model": model, "area": area, "movie": movie, "category": category, "pixels": float(one.pixels[k])}
            row |= {"population": one.neural[k].value, "straightening": float(one.value[k])}
            if model == NEURONS:
                row |= {"low": float(one.interval[k, 0]), "high": float(one.interval[k, 1])}
                row |= {"naive": one.neural[k].naive}
            rows.append(row | {"status": one.statuses[k].name.lower()})
    return rows


def _measured(
    seen: Straightening, faded: Straightening, found: StraighteningContrast, claims: tuple[Claim, ...]
) -> dict[str, Measured]:
    """Values of the claims, in their order: natural, synthetic, and their difference."""
    difference = Measured(found.mean_difference, found.mean_interval, found.n_pairs)
    values = (_mean(seen.value), _mean(faded.value), difference)
    return {claim.name: value for claim, value in zip(claims, values, strict=True)}
