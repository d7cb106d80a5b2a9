"""The demonstration: digits through every stage of training, then what the network does in time."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import cordsnet.experiments.noise as noises
import cordsnet.experiments.second_image as seconds
import cordsnet.experiments.time_course as courses
from cordsnet.experiments.claims import Claim, Measured, above, at_least, at_most, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import share_difference
from cordsnet.experiments.noise import NoiseOptions
from cordsnet.experiments.recipes import base_recipe
from cordsnet.experiments.result import Result, merge
from cordsnet.experiments.second_image import SecondImageOptions
from cordsnet.experiments.time_course import TimeCourseOptions
from cordsnet.training import Recipe, StageReport, fit
from cordsnet.training.logs import read_curve

NETWORK, TWIN = "finetune", "fold"
"""Stages whose models are measured: the dynamical network, and the feedforward one with the same kernels."""

ACCURACY_KEYS = {
    "cnn": "cnn",
    "folded": "fold",
    "inverse": "inverse",
    "linear": "linear",
    "annealed": "anneal",
    "finetuned": "finetune",
    "direct": "direct",
}
"""Name in the table "accuracy" -> stage whose test accuracy it is."""

OWN_CLAIMS = (
    Claim("fold_is_exact", "Folding the batch norms changes no class score.", "Soo et al. 2024, section 3",
          "largest difference of a score over the largest score", at_most(1e-5), exact=True),
    Claim("near_its_cnn", "The fine-tuned network reads a few per cent worse than its CNN, or better.",
          "Soo et al. 2024, Table 1", "test accuracy of the network less that of the CNN", at_least(-0.05)),
    Claim("staged_beats_direct", "Staged training reads better than direct training.", "Soo et al. 2024, Table 1",
          "test accuracy of staged less that of direct training, one network each", above(0.0)),
)  # fmt: skip
CLAIMS = (*OWN_CLAIMS, *courses.CLAIMS, *seconds.CLAIMS, *noises.CLAIMS)


@dataclass(frozen=True)
class DemoOptions:
    """Options of the demonstration: the training, and the times of a trial.

    Attributes
    ----------
    recipe : a recipe with the stages of "demo"; or your own as file.py:function.
    trials : number of test images that are measured.
    trained_ms : trained duration of an image.
    baseline_ms : blank in which the network returns to baseline.
    held : how many times the trained duration the image is held.
    """

    recipe: str = "demo"
    trials: int = 360
    trained_ms: float = 200.0
    baseline_ms: float = 500.0
    held: int = 10


@experiment(
    "demo",
    options=DemoOptions,
    presets={
        "smoke": Preset(DemoOptions(trials=60, held=2), 4.0, 1.0, 13.0),
        "desk": Preset(DemoOptions(), 4.0, 1.0, 13.0),
    },
    claims=CLAIMS,
    trains=True,
)
def demo(setting: Setting, options: DemoOptions) -> Result:
    """Train on handwritten digits through every stage, and measure what the network does in time."""
    recipe = replace(base_recipe(options.recipe), seed=setting.seed)
    for stage in ACCURACY_KEYS.values():
        recipe.stage(stage)
    stages = fit(recipe, setting.folder(), progress=setting.progress)
    models: dict[str, Any] = {NETWORK: stages[NETWORK].model(), TWIN: stages[TWIN].model()}
    test = recipe.load_data().test
    network = replace(setting, models={NETWORK: models[NETWORK]}, data=test)
    parts = [
        Result(_training_tables(stages), claims=decide(OWN_CLAIMS, _compare(stages, len(test)))),
        courses.time_course.run(network, _course_options(options)),
        seconds.second_image.run(network, SecondImageOptions(options.trials, options.trained_ms, options.trained_ms)),
        noises.noise.run(
            replace(network, models=models), NoiseOptions(trials=options.trials, image_ms=options.trained_ms)
        ),
    ]
    return replace(merge(parts), meta=_about(recipe, models[NETWORK], len(test)))


def _course_options(options: DemoOptions) -> TimeCourseOptions:
    return TimeCourseOptions(
        trials=options.trials,
        trained_ms=options.trained_ms,
        hold_ms=options.held * options.trained_ms,
        blank_ms=options.baseline_ms,
    )


def _training_tables(stages: Mapping[str, StageReport]) -> dict[str, Any]:
    """Accuracy and seconds of every stage, the fit of every area, and the loss at every update."""
    accuracy = [
        {
            "network": key,
            "stage": stage,
            "test_accuracy": stages[stage].metrics["test_accuracy"],
            "seconds": stages[stage].seconds,
            "score_difference": stages[stage].metrics.get("score_difference"),
        }
        for key, stage in ACCURACY_KEYS.items()
    ]
    unexplained = [
        {"area": name.split("/")[1], "unexplained_variance": value}
        for name, value in stages["inverse"].metrics.items()
        if name.startswith("unexplained")
    ]
    trained = [name for name in stages if list(stages[name].folder.glob("logs_*"))]
    losses = [
        {"stage": name, "update": update, "loss": loss}
        for name in trained
        for update, loss in zip(*read_curve(stages[name].folder, "loss"), strict=True)
    ]
    return {"accuracy": accuracy, "unexplained": unexplained, "losses": losses}


def _compare(stages: Mapping[str, StageReport], n: int) -> dict[str, Measured]:
    """Measure the claims about training; intervals are over test images, of one network each."""
    hits = {stage: round(stages[stage].metrics["test_accuracy"] * n) for stage in (NETWORK, "cnn", "direct")}
    return {
        "fold_is_exact": Measured(stages[TWIN].metrics["score_difference"], n=n),
        "near_its_cnn": share_difference(hits[NETWORK], n, hits["cnn"], n),
        "staged_beats_direct": share_difference(hits[NETWORK], n, hits["direct"], n),
    }


def _about(recipe: Recipe, model: Any, images: int) -> dict[str, Any]:
    return {
        "recipe": recipe.name,
        "data": recipe.data,
        "test_images": images,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "classes": model.num_classes,
        "tau_ms": model.spec.tau_ms,
        "dt_ms": model.dt_ms,
    }
