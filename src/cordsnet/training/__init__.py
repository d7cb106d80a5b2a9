"""Training: the objective, the stages, recipes, and the runs that they make."""

from cordsnet.training import recipes as _recipes  # registers the recipes
from cordsnet.training.constraint import Contraction
from cordsnet.training.evaluate import accuracy
from cordsnet.training.fit import StageReport, fit
from cordsnet.training.grid import Run, grid, with_setting
from cordsnet.training.loop import Optimisation
from cordsnet.training.objective import Losses, Objective, Trial, objective
from cordsnet.training.recipe import RECIPES, ModelChoice, Recipe, find_recipe
from cordsnet.training.stage import Context, Stage, StageResult
from cordsnet.training.stages import (
    Fold,
    FourierInit,
    GaussNewton,
    Imitate,
    InverseInit,
    RandomInit,
    TrainCNN,
    TrainDynamics,
    TrainSettled,
)
from cordsnet.training.sweeps import Measure, summary, sweep

__all__ = [
    "RECIPES",
    "Context",
    "Contraction",
    "Fold",
    "FourierInit",
    "GaussNewton",
    "Imitate",
    "InverseInit",
    "Losses",
    "Measure",
    "ModelChoice",
    "Objective",
    "Optimisation",
    "RandomInit",
    "Recipe",
    "Run",
    "Stage",
    "StageReport",
    "StageResult",
    "TrainCNN",
    "TrainDynamics",
    "TrainSettled",
    "Trial",
    "accuracy",
    "find_recipe",
    "fit",
    "grid",
    "objective",
    "summary",
    "sweep",
    "with_setting",
]

del _recipes
