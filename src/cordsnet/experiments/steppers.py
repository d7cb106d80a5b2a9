"""Error of each stepper against the true trajectory of a network, and what it costs in evaluations of the drive."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cordsnet._checks import check_positive
from cordsnet.dynamics import STEPPERS, Clock, Record, State, simulate, steady_state
from cordsnet.experiments.claims import Claim, Measured, at_most, between, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.needs import classifies_images, rate_equation
from cordsnet.experiments.result import Result, Row
from cordsnet.models import VisionModel
from cordsnet.stimuli import show

TRUE_STEPPER, FINER = "rk4", 4
"""The trajectory that counts as true: by this stepper, with steps this much finer than the finest that is tested."""


@dataclass(frozen=True)
class StepperOptions:
    """Times and steps that are compared.

    Attributes
    ----------
    trials : number of test images.
    ms : how long they are shown, from rest.
    dts_ms : steps; the coarsest must be a whole multiple of the others.
    """

    trials: int = 16
    ms: float = 40.0
    dts_ms: tuple[float, ...] = (8.0, 4.0, 2.0, 1.0, 0.5)

    def __post_init__(self) -> None:
        check_positive(self.ms, "ms")
        for dt in self.dts_ms:
            check_positive(dt, "dts_ms")
        if len(set(self.dts_ms)) < 2:
            raise ValueError(f"dts_ms must hold at least two different steps, got {list(self.dts_ms)}")
        for dt in self.dts_ms:
            Clock(dt).steps(max(self.dts_ms), "the coarsest of dts_ms")


ORDERS = {
    "euler": (1.0, "Euler's method converges at order 1.", "numerical analysis: order of the method"),
    "exponential_euler": (1.0, "Exponential Euler converges at order 1.", "numerical analysis: order of the method"),
    "heun": (2.0, "Heun's method converges at order 2.", "numerical analysis: order of the method"),
    "rk4": (2.0, "The kinks of the rectifier leave RK4 with order 2.", "reviewer: is a better solver worth it?"),
}
PAPER_STEP = 2.0
CLAIMS = (
    *(
        Claim(
            f"order_{stepper}",
            statement,
            source,
            "slope of log error over log dt, three finest steps",
            between(order - 0.25, order + 0.25),
            exact=True,
        )
        for stepper, (order, statement, source) in ORDERS.items()
    ),
    Claim(
        "paper_step",
        "Euler at 2 ms, the paper's choice, follows the differential equation through the transient.",
        "Soo et al. 2024, section 3",
        "relative error of the rates, largest over areas",
        at_most(0.05),
        exact=True,
    ),
)


@experiment(
    "steppers",
    options=StepperOptions,
    presets={
        "smoke": Preset(StepperOptions(trials=4, ms=16.0, dts_ms=(4.0, 2.0, 1.0)), 0.05, 0.5),
        "desk": Preset(StepperOptions(), 0.2, 0.5),
        "paper": Preset(StepperOptions(trials=64, dts_ms=(8.0, 4.0, 2.0, 1.0, 0.5, 0.25)), 2.0, 1.0),
    },
    claims=CLAIMS,
    needs=(classifies_images, rate_equation),
)
def steppers(setting: Setting, options: StepperOptions) -> Result:
    """Error of each stepper against the true trajectory, in double precision."""
    rows: list[Row] = []
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        dtype = next(model.parameters()).dtype
        mine = [{"model": label, **row} for row in stepper_errors(model.double(), split.images.double(), options)]
        model.to(dtype)
        rows += mine
        found = {f"order_{name}": Measured(observed_order(mine, name), n=options.trials) for name in ORDERS}
        at_paper_step = [row for row in mine if row["stepper"] == "euler" and row["dt_ms"] == PAPER_STEP]
        if at_paper_step:
            found["paper_step"] = Measured(at_paper_step[0]["error"], n=options.trials)
        claims += decide(CLAIMS, found, label)
    return Result({"steppers": tuple(rows)}, claims=tuple(claims))


def stepper_errors(model: VisionModel, images: Tensor, options: StepperOptions) -> list[dict[str, Any]]:
    """Show `images` [B, C, H, W] from rest with every stepper and dt, and compare at multiples of the coarsest dt.

    Everything is computed in the model's precision; give a model in double precision for small errors.

    Returns
    -------
    One row per stepper and dt: "error", the largest over areas of |r - r_true| / |r_true| over all compared times,
    trials and units, and "evaluations_per_ms", how often all drives are computed, which is what a simulation costs.

    Raises ValueError when `ms` is not a whole number of the coarser steps.
    """
    coarsest, finest = max(options.dts_ms), min(options.dts_ms)
    resting = steady_state(model, tol=100 * torch.finfo(images.dtype).eps)
    start = model.system().state_of(resting.rates)
    truth = _course(model, images, start, options.ms, coarsest, finest / FINER, TRUE_STEPPER)
    rows = []
    for stepper in STEPPERS:
        for dt in options.dts_ms:
            found = _course(model, images, start, options.ms, coarsest, dt, stepper)
            error = max(float((found[area] - truth[area]).norm() / truth[area].norm()) for area in truth)
            cost = STEPPERS[stepper].evaluations / dt
            rows.append({"stepper": stepper, "dt_ms": dt, "evaluations_per_ms": cost, "error": error})
    return rows


def observed_order(rows: Sequence[Any], stepper: str) -> float:
    """Slope of log error over log dt at the three finest steps, where the order shows."""
    mine = sorted((row for row in rows if row["stepper"] == stepper), key=lambda row: float(row["dt_ms"]))[:3]
    slope, _ = np.polyfit(np.log([row["dt_ms"] for row in mine]), np.log([row["error"] for row in mine]), 1)
    return float(slope)


def _course(
    model: VisionModel, images: Tensor, start: State, ms: float, every: float, dt: float, stepper: str
) -> dict[str, Tensor]:
    """Area -> rates at multiples of `every` ms."""
    record = Record("all", every_ms=every, outputs=())
    rates = simulate(model, show(images, ms), dt=dt, stepper=stepper, record=record, initial_state=start).rates
    return {area: course.double() for area, course in rates.items()}
