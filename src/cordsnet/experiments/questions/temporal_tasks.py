"""Tasks that need time: where a digit drifts, which digit moves, and what the next frame will be."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cordsnet._checks import check_count
from cordsnet.errors import RunError
from cordsnet.experiments.claims import Claim, Measured, above, at_most, between, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.needs import classifies_images, is_dynamical
from cordsnet.experiments.questions.movie_answers import CHANCE, Hits, mean_over, read_movies
from cordsnet.experiments.questions.movie_source import (
    FRAME_MS,
    Content,
    MovieSource,
    Order,
    frame_steps,
    name_of,
    trial_ms,
)
from cordsnet.experiments.result import Result
from cordsnet.experiments.training_claims import check_seeds
from cordsnet.models import build
from cordsnet.training import LastStep, ModelChoice, Optimisation, Recipe, Run, StageReport, Train, sweep

STAGE = "train"
ASKED = "reviewer: tasks with temporal structure"
MOTION = "Dunnhofer & Kar 2026, objects that show by motion alone"


@dataclass(frozen=True)
class TemporalTasksOptions:
    """Options of temporal tasks: networks, and how they are trained.

    Attributes
    ----------
    models : rows of the table of models. One that answers at once sees frames one by one.
    seeds : networks per model and task; they count up from the seed.
    updates, batch, lr : of the training of every network (AdamW, one cycle).
    trials : test digits, each in three movies.
    image_size : height and width of the movies, px; a multiple of 4.
    dt_ms : step of models in continuous time, in training and test; None keeps each row's.
    width : channels of the first area; None keeps each row's.
    """

    models: tuple[str, ...] = ("cordsnet_r2_small", "convlstm_small", "cnn_r2_small")
    seeds: int = 1
    updates: int = 300
    batch: int = 64
    lr: float = 1e-2
    trials: int = 360
    image_size: int = 16
    dt_ms: float | None = 4.0
    width: int | None = None

    def __post_init__(self) -> None:
        check_seeds(self.seeds)
        check_count(self.trials, "trials", 1)
        MovieSource("digits", "in order", self.image_size)
        if not self.models or len(set(self.models)) < len(self.models):
            raise ValueError(
                f"models must name at least one model and each once, got {', '.join(self.models) or 'none'}"
            )


@dataclass(frozen=True)
class Task:
    """Movies that a network is trained on, and the orders of their frames in which it is tested."""

    content: Content
    trained: Order
    tested: tuple[Order, ...]

    @property
    def folder(self) -> str:
        """Name of its folder."""
        return name_of(self.content, self.trained)


IN_TIME = (
    Task("digits", "in order", ("in order", "shuffled")),
    Task("digits", "shuffled", ("in order", "shuffled")),
    Task("dots", "in order", ("in order", "shuffled")),
)
"""Tasks of networks that evolve in time."""
AT_ONCE = (Task("digits", "one frame", ("in order",)), Task("dots", "one frame", ("in order",)))
"""Those of networks that answer at once: they are trained on single frames, and read all frames one by one."""

Point = tuple[str, str, str, str]
"""(content, order in training, order in the test, what is read)."""
SENSE, CLASS, SHUFFLED = (
    ("digits", "in order", "in order", "sense"),
    ("digits", "in order", "in order", "class"),
    "shuffled",
)
FOUND: Mapping[str, Point] = {
    "direction": SENSE,
    "order_matters": ("digits", "in order", SHUFFLED, "sense"),
    "no_order_to_learn": ("digits", SHUFFLED, SHUFFLED, "sense"),
    "class_from_motion": ("dots", "in order", "in order", "class"),
    "one_frame_direction": ("digits", "one frame", "in order", "sense"),
    "one_frame_class": ("digits", "one frame", "in order", "class"),
    "one_frame_motion": ("dots", "one frame", "in order", "class"),
}
"""Claim about an accuracy -> the accuracy."""
LESS: Mapping[str, tuple[Point, Point]] = {
    "class_stays": (CLASS, ("digits", "in order", SHUFFLED, "class")),
    "class_without_order": (CLASS, ("digits", SHUFFLED, SHUFFLED, "class")),
}
"""Claim about a difference of accuracies -> the two."""

SENSES = "share of movies whose direction is thought more likely than its opposite, "
CLASSES_READ = "share of digits read correctly, "
CLAIMS = (
    Claim("direction", "A network that evolves in time tells the direction of a drifting digit from the opposite one.",
          ASKED, f"{SENSES}frames in order", above(0.5), of="digits"),
    Claim("order_matters", "With its frames shuffled, a movie tells that network no direction from the opposite one.",
          ASKED, f"{SENSES}frames shuffled in the test", between(0.4, 0.6), of="digits"),
    Claim("class_stays", "Shuffled frames cost that network nothing in reading the digit.", ASKED,
          "share of digits read correctly from frames in order less that from shuffled ones", at_most(0.05),
          of="digits"),
    Claim("no_order_to_learn", "A network trained on shuffled frames cannot tell directions from opposite ones.", ASKED,
          f"{SENSES}frames shuffled in training and test", between(0.4, 0.6), of="digits"),
    Claim("class_without_order", "A network trained on shuffled frames reads digits as well as one trained in order.",
          ASKED, "share of digits read correctly when trained and tested in order less that when shuffled in both",
          at_most(0.1), of="digits"),
    Claim("class_from_motion", "A network that evolves in time reads digits that show by the motion of dots alone.",
          MOTION, f"{CLASSES_READ}random dots that move to the right within it and to the left around it", above(0.1),
          of="digits"),
    Claim("one_frame_direction", "A network that sees frames one by one cannot tell directions from opposite ones.",
          ASKED, f"{SENSES}scores averaged over frames", between(0.4, 0.6), of="digits"),
    Claim("one_frame_class", "That network reads the drifting digit.", ASKED,
          f"{CLASSES_READ}scores averaged over frames", above(0.1), of="digits"),
    Claim("one_frame_motion", "A network that sees frames one by one cannot read digits that show by motion alone.",
          MOTION, f"{CLASSES_READ}scores averaged over frames of moving dots", at_most(0.15), of="digits"),
)  # fmt: skip


@experiment(
    "temporal_tasks",
    options=TemporalTasksOptions,
    presets={
        "smoke": Preset(TemporalTasksOptions(updates=4, batch=16, trials=60, width=4), 0.8, 1.0),
        "desk": Preset(TemporalTasksOptions(), 40.0, 1.5),
        "paper": Preset(TemporalTasksOptions(seeds=5, updates=4000), 2000.0, 1.5),
    },
    claims=CLAIMS,
    trains=True,
    default="smoke",
)
def temporal_tasks(setting: Setting, options: TemporalTasksOptions) -> Result:
    """Direction of drifting digits and digits that show by motion alone, with controls that have no order.

    The table "accuracy" has a row for each model, task, order of the frames in the test, and what is read; intervals
    are over test digits and networks. The table "networks" has one for each network that was trained.

    Raises
    ------
    ValueError : a model that there is not, or that reads no images of this size.
    RunError : a run failed for another reason than divergence.
    """
    made = {name: _built(name, options) for name in options.models}
    runs = [run for name, model in made.items() for run in _runs(name, model, setting.seed, options)]
    swept = sweep(runs, setting.folder(), measure=count_parameters, workers=setting.workers, progress=setting.progress)
    if failed := [row for row in swept if row["status"] == "failed"]:
        raise RunError(f"run {failed[0]['run']!r} failed: {failed[0]['error']}")
    rows, claims = [], []
    for name, model in made.items():
        found = _read(name, model, swept, setting, options)
        rows += _accuracies(name, found, setting.seed)
        claims += decide(_claims_of(model), _measured(found, setting.seed), name)
    tables = {"accuracy": rows, "networks": [_network(row) for row in swept], "notes": _notes(made, options)}
    return Result(tables, claims=tuple(claims))


def count_parameters(recipe: Recipe, reports: Mapping[str, StageReport]) -> dict[str, int]:
    """Number of parameters of the network with which a run ended."""
    return {"parameters": sum(parameter.numel() for parameter in reports[STAGE].model().parameters())}


def _built(name: str, options: TemporalTasksOptions) -> Any:
    """The model as it is trained, but for its scores. Raises ValueError for one that classifies no images."""
    choice = _choice(name, options)
    model = build(choice.spec(), kind=choice.kind)
    if lack := classifies_images(model):
        raise ValueError(f"model {name!r} {lack}; leave it out of models")
    return model


def _choice(name: str, options: TemporalTasksOptions) -> ModelChoice:
    choice = ModelChoice(name, image_size=options.image_size, width=options.width)
    if options.dt_ms is None or build(choice.spec(), kind=choice.kind).clock.kind != "continuous":
        return choice
    return replace(choice, options={"dt_ms": options.dt_ms})


def tasks_of(model: Any) -> tuple[Task, ...]:
    """Tasks that a model is trained on."""
    return IN_TIME if is_dynamical(model) else AT_ONCE


def _runs(name: str, model: Any, seed: int, options: TemporalTasksOptions) -> list[Run]:
    """One run for every task and seed."""
    how = {"lr": options.lr, "updates": options.updates, "batch": options.batch}
    optimisation = Optimisation(clip=1.0, weight_decay=1e-4, **how)  # type: ignore[arg-type]
    stage = Train(STAGE, loss=LastStep(ms=trial_ms(model)), optimisation=optimisation)
    choice = _choice(name, options)
    return [
        Run(
            f"{name}/{task.folder}/seed={k}",
            Recipe("temporal_tasks", (stage,), choice, task.folder, k),
            {"model": name, "content": task.content, "trained": task.trained},
        )
        for task in tasks_of(model)
        for k in range(seed, seed + options.seeds)
    ]


def _read(
    name: str, model: Any, swept: Sequence[Mapping[str, Any]], setting: Setting, options: TemporalTasksOptions
) -> dict[Point, list[Any]]:
    """What every finished network of a model reads correctly, movie by movie."""
    found: dict[Point, list[Any]] = {}
    for row in swept:
        if row["model"] != name or row["status"] != "finished":
            continue
        task = next(t for t in tasks_of(model) if (t.content, t.trained) == (row["content"], row["trained"]))
        report = StageReport(STAGE, setting.folder() / str(row["run"]) / STAGE, {}, 0.0)
        network = report.model()
        for tested in task.tested:
            hits: Hits = read_movies(network, MovieSource(task.content, tested, options.image_size), options.trials)
            for read, right in hits.items():
                found.setdefault((task.content, task.trained, tested, read), []).append(right)
    return found


def _accuracies(name: str, found: Mapping[Point, list[Any]], seed: int) -> list[dict[str, Any]]:
    rows = []
    for (content, trained, tested, read), hits in found.items():
        measured = mean_over(hits, seed)
        low, high = measured.interval or (None, None)
        rows.append(
            {
                "model": name, "content": content, "trained": trained, "tested": tested, "read": read,
                "accuracy": measured.value, "low": low, "high": high, "chance": CHANCE[read], "networks": len(hits),
                "digits": measured.n,
            }
        )  # fmt: skip
    return rows


def _claims_of(model: Any) -> tuple[Claim, ...]:
    """Claims about models that evolve in time, or about those that answer at once."""
    return tuple(claim for claim in CLAIMS if is_dynamical(model) != claim.name.startswith("one_frame"))


def _measured(found: Mapping[Point, list[Any]], seed: int) -> dict[str, Measured]:
    measured = {claim: mean_over(found[point], seed) for claim, point in FOUND.items() if point in found}
    for claim, (first, second) in LESS.items():
        if first in found and second in found:
            measured[claim] = mean_over(found[first], seed, found[second])
    return measured


def _network(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("model", "content", "trained", "seed", "status", "error", "parameters")
    return {name: row.get(name) for name in kept} | {"seconds": row.get(f"{STAGE}.seconds")}


def _notes(made: Mapping[str, Any], options: TemporalTasksOptions) -> list[dict[str, str]]:
    notes = [
        {
            "model": name,
            "note": f"a frame stays {frame_steps(model) * model.dt_ms:g} ms, whole steps, not {FRAME_MS:g} ms",
        }
        for name, model in made.items()
        if is_dynamical(model) and abs(frame_steps(model) * model.dt_ms - FRAME_MS) > 1e-9
    ]
    if options.seeds == 1:
        notes.append(
            {"model": "all", "note": "one network per model and task, so that intervals are over digits alone"}
        )
    return notes
