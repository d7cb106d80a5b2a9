"""Settings of a recipe as command-line options."""

import dataclasses
import re

from jsonargparse import ArgumentParser, Namespace

from cordsnet.data import Reading
from cordsnet.training.loss import Loss
from cordsnet.training.recipe import ModelChoice, Recipe

REASON = re.compile(r"^ +- (.+)$", re.MULTILINE)
"""A reason in the list that jsonargparse gives for a setting that may be None, which comes last."""


def add_recipe_options(parser: ArgumentParser, recipe: Recipe) -> None:
    """Add every setting as an option, such as `--linear.optimisation.lr`, with the value of the recipe as default."""
    parser.add_argument("--seed", type=int, default=recipe.seed, help="seed of all random numbers")
    parser.add_argument("--data", type=str, default=recipe.data, help="name of the data set, or path of a folder")
    parser.add_class_arguments(Reading, "reading", default=dataclasses.asdict(recipe.reading))
    parser.add_class_arguments(ModelChoice, "model", default=dataclasses.asdict(recipe.model))
    for stage in recipe.stages:
        settings = dataclasses.asdict(stage)
        losses = {name: getattr(stage, name) for name in settings if isinstance(getattr(stage, name), Loss)}
        plain = {name: value for name, value in settings.items() if name not in losses}
        parser.add_class_arguments(type(stage), stage.name, default=plain, skip=set(losses))
        for name, loss in losses.items():  # apart, since the options are those of the loss that was chosen
            parser.add_class_arguments(type(loss), f"{stage.name}.{name}", default=settings[name])


def chosen_recipe(recipe: Recipe, parser: ArgumentParser, options: Namespace) -> Recipe:
    """Return the recipe with the values that were given on the command line.

    Raises ValueError, in one sentence, for values that do not go together.
    """
    try:
        built = parser.instantiate(options)
    except ValueError as error:
        reasons = REASON.findall(str(error))
        if not reasons:
            raise
        raise ValueError(reasons[0]) from error
    stages = tuple(built[stage.name] for stage in recipe.stages)
    return dataclasses.replace(
        recipe, seed=built.seed, data=built.data, reading=built.reading, model=built.model, stages=stages
    )
