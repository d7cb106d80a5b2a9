"""Training: the objective, the stages, recipes, and the runs that they make."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.training.answer import Answer
    from cordsnet.training.budget import Budget
    from cordsnet.training.constraint import Contraction
    from cordsnet.training.criterion import Criterion
    from cordsnet.training.evaluate import accuracy
    from cordsnet.training.fit import StageReport, fit
    from cordsnet.training.gradients import ComparedGradient, GradientTable, compare_gradients
    from cordsnet.training.grid import Run, grid, with_setting
    from cordsnet.training.loss import LOSSES, Batch, Bound, Loss, Terms
    from cordsnet.training.losses import EveryStep, LastStep, Masked, Settled
    from cordsnet.training.motion import Motion
    from cordsnet.training.objective import Losses, Objective, Trial, objective
    from cordsnet.training.optimisation import Optimisation
    from cordsnet.training.order import mix_seed
    from cordsnet.training.probe import linear_probe
    from cordsnet.training.recipe import RECIPES, ModelChoice, Recipe, find_recipe
    from cordsnet.training.skips import Skips
    from cordsnet.training.sources import LabelledImages, Source, Teachable, as_source
    from cordsnet.training.stage import Context, Stage, StageResult
    from cordsnet.training.stages import (
        Fold,
        GaussNewton,
        Imitate,
        InverseInit,
        RandomInit,
        Train,
        TrainCNN,
        TrainDynamics,
        TrainSettled,
    )
    from cordsnet.training.sweeps import Measure, summary, sweep
    from cordsnet.training.unlabelled import Contrastive, NextFrame

__all__ = [
    "LOSSES",
    "RECIPES",
    "Answer",
    "Batch",
    "Bound",
    "Budget",
    "ComparedGradient",
    "Context",
    "Contraction",
    "Contrastive",
    "Criterion",
    "EveryStep",
    "Fold",
    "GaussNewton",
    "GradientTable",
    "Imitate",
    "InverseInit",
    "LabelledImages",
    "LastStep",
    "Loss",
    "Losses",
    "Masked",
    "Measure",
    "ModelChoice",
    "Motion",
    "NextFrame",
    "Objective",
    "Optimisation",
    "RandomInit",
    "Recipe",
    "Run",
    "Settled",
    "Skips",
    "Source",
    "Stage",
    "StageReport",
    "StageResult",
    "Teachable",
    "Terms",
    "Train",
    "TrainCNN",
    "TrainDynamics",
    "TrainSettled",
    "Trial",
    "accuracy",
    "as_source",
    "compare_gradients",
    "find_recipe",
    "fit",
    "grid",
    "linear_probe",
    "mix_seed",
    "objective",
    "summary",
    "sweep",
    "with_setting",
]

import_on_demand(__name__)
