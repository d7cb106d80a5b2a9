"""Error of each stepper against the true trajectory of a network, and what it costs in convolutions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from cordsnet.dynamics import STEPPERS, Clock, Record, State, simulate, steady_state
from cordsnet.models import VisionModel
from cordsnet.stimuli import show

TRUE_STEPPER, FINER = "rk4", 4
"""The trajectory that counts as true: by this stepper, with steps this much finer than the finest that is tested."""


@dataclass(frozen=True)
class StepperError:
    """Of one stepper at one dt.

    Attributes
    ----------
    error : largest over areas of the relative distance to the true trajectory, |r - r_true| / |r_true| over all
        compared times, trials and units.
    evaluations_per_ms : how often all drives are computed per ms, which is what a simulation costs.
    """

    stepper: str
    dt_ms: float
    error: float
    evaluations_per_ms: float


def stepper_errors(
    model: VisionModel, images: Tensor, *, ms: float = 40.0, dts: Sequence[float] = (4.0, 2.0, 1.0, 0.5)
) -> list[StepperError]:
    """Show `images` [B, C, H, W] for `ms` from rest, with every stepper and dt, and compare at multiples of the
    coarsest dt. Everything is computed in the model's precision; give a model in double precision for small errors.

    Raises ValueError when `ms` and the coarser steps are not whole multiples of the finer ones.
    """
    coarsest, finest = max(dts), min(dts)
    for dt in dts:
        Clock(dt).steps(coarsest, "the coarsest of dts")
    resting = steady_state(model, tol=100 * torch.finfo(images.dtype).eps)
    start = model.system().state_of(resting.rates)
    truth = _course(model, images, start, ms, coarsest, finest / FINER, TRUE_STEPPER)
    rows = []
    for stepper in STEPPERS:
        for dt in dts:
            found = _course(model, images, start, ms, coarsest, dt, stepper)
            error = max(float((found[area] - truth[area]).norm() / truth[area].norm()) for area in truth)
            rows.append(StepperError(stepper, dt, error, STEPPERS[stepper].evaluations / dt))
    return rows


def observed_order(rows: Sequence[StepperError], stepper: str) -> float:
    """Slope of log error over log dt."""
    mine = [row for row in rows if row.stepper == stepper]
    slope, _ = np.polyfit(np.log([row.dt_ms for row in mine]), np.log([row.error for row in mine]), 1)
    return float(slope)


def _course(
    model: VisionModel, images: Tensor, start: State, ms: float, every: float, dt: float, stepper: str
) -> dict[str, Tensor]:
    """Area -> rates at multiples of `every` ms."""
    record = Record("all", every_ms=every, outputs=())
    rates = simulate(model, show(images, ms), dt=dt, stepper=stepper, record=record, initial_state=start).rates
    return {area: course.double() for area, course in rates.items()}
