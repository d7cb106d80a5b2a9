"""Coarse and fine steps of one network: the same answers, the same trajectory, and the order of its error."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cordsnet._checks import check_positive
from cordsnet.data import Split
from cordsnet.dynamics import STEPPERS, Clock
from cordsnet.experiments.claims import Claim, Measured, at_least, at_most, between, decide
from cordsnet.experiments.experiment import Preset, Setting, experiment
from cordsnet.experiments.intervals import bootstrap, share
from cordsnet.experiments.needs import classifies_images, free_step, no_noise, rate_equation
from cordsnet.experiments.questions.known_flow import KnownFlow
from cordsnet.experiments.questions.stepping import EULER, EXPONENTIAL, StepRun, simulate_steps, time_constant
from cordsnet.experiments.result import Result

Array = NDArray[np.float64]
Rows = list[dict[str, Any]]
IN_ORDER = 3
"""The order is the slope of log error over log dt at so many of the finest steps."""


@dataclass(frozen=True)
class CoarseStepsOptions:
    """Times and steps that are compared.

    Attributes
    ----------
    trials : number of test images.
    image_ms : how long they are shown, from spontaneous activity; a whole number of the coarsest step.
    dts_ms : steps, beside the model's own; the coarsest must be a whole multiple of the others. Euler's method takes
        those below twice the shortest time constant.
    """

    trials: int = 200
    image_ms: float = 200.0
    dts_ms: tuple[float, ...] = (40.0, 20.0, 10.0, 5.0, 2.0, 1.0, 0.5)

    def __post_init__(self) -> None:
        for dt in (self.image_ms, *self.dts_ms):
            check_positive(dt, "image_ms and dts_ms")
        if len(set(self.dts_ms)) < IN_ORDER:
            raise ValueError(f"dts_ms must hold at least {IN_ORDER} different steps, got {list(self.dts_ms)}")
        for dt in self.dts_ms:
            Clock(dt).steps(max(self.dts_ms), "the coarsest of dts_ms")
        Clock(max(self.dts_ms)).steps(self.image_ms, "image_ms")

    def with_own(self, own: float) -> tuple[float, ...]:
        """All steps with the model's own, coarsest first. Raises ValueError where it does not divide the coarsest."""
        Clock(own).steps(max(self.dts_ms), "with the model's own step, the coarsest of dts_ms")
        return tuple(sorted({*self.dts_ms, own}, reverse=True))


REVIEWER = "reviewer: is the network more than one that is unrolled for a few coarse steps?"
NUMERICS = "numerical analysis: order of the method"
CLAIMS = (
    Claim("refined_answers", "Answers stay the same when the step is refined.", REVIEWER,
          "share of images with the same answer at the finest step as at the model's own, Euler's method",
          at_least(0.95)),
    Claim("coarse_answers", "The coarsest steps, a few per image, keep the answers.", REVIEWER,
          "share of images with the same answer at the coarsest step, exponential Euler, as at the model's own, Euler",
          at_least(0.95)),
    Claim("discrete_answers", "Euler's method at the time constant, a discrete-time network, keeps the answers.",
          REVIEWER, "share of images with the same answer at the coarsest step up to the shortest time constant as at "
          "the model's own, Euler's method", at_least(0.95)),
    Claim("settled_state", "The state at the end of the image does not depend on the step.",
          "numerical analysis: fixed points of Euler's method are those of the equation",
          "relative error of the rates at the end at the model's own step, largest over areas", at_most(0.01)),
    Claim("euler_order", "The error of Euler's method on the network halves with the step.", NUMERICS,
          f"slope of log error over log dt, {IN_ORDER} finest steps", between(0.75, 1.25)),
    Claim("known_order", "On a flow with a known solution each stepper has the order of its method.", NUMERICS,
          f"largest |slope - order| over the steppers, {IN_ORDER} finest steps", at_most(0.2), exact=True,
          of="steppers"),
)  # fmt: skip


@experiment(
    "coarse_steps",
    options=CoarseStepsOptions,
    presets={
        "smoke": Preset(CoarseStepsOptions(trials=20, image_ms=80.0, dts_ms=(40.0, 10.0, 4.0, 2.0, 1.0)), 0.05, 0.5),
        "desk": Preset(CoarseStepsOptions(), 1.0, 1.0),
        "paper": Preset(CoarseStepsOptions(trials=2000), 20.0, 8.0),
    },
    claims=CLAIMS,
    needs=(classifies_images, free_step, rate_equation, no_noise),
    of_readers=("refined_answers", "coarse_answers", "discrete_answers"),
)
def coarse_steps(setting: Setting, options: CoarseStepsOptions) -> Result:
    """Answers, accuracy and trajectories at coarser and finer steps than the model's own."""
    tables: dict[str, Rows] = {name: [] for name in ("steps", "course", "known_flow", "summary", "notes")}
    claims: list[Claim] = []
    for label, model, split in setting.subjects(options.trials):
        own, tau, dts = model.dt_ms, time_constant(model), options.with_own(model.dt_ms)
        runs, notes = simulate_steps(model, split, options.image_ms, dts)
        known = known_rows(KnownFlow(tau), options.image_ms, dts)
        about = (
            f"answers are compared with those at the model's own step of {own:g} ms, by Euler's method; the step of "
        )
        rows: dict[str, Rows] = {
            "steps": step_rows(runs, split, own, setting.seed),
            "course": [row for run in runs for row in _course(run, split)],
            "known_flow": known,
            "summary": [{"own_dt_ms": own, "image_ms": options.image_ms, "tau_ms": tau, "images": len(split),
                         "classes": model.num_classes}],
            "notes": [{"note": note} for note in (f"{about}its training may be another one", *notes)],
        }  # fmt: skip
        for name, found in rows.items():
            tables[name] += [{"model": label} | row for row in found]
        claims += decide(CLAIMS, measure(runs, known, own, tau, setting.seed), label)
    return Result(tables, claims=tuple(claims))


def measure(runs: Sequence[StepRun], known: Rows, own: float, tau: float, seed: int) -> dict[str, Measured]:
    """Measure the claims; those for which a step could not be taken are left out.

    Parameters
    ----------
    runs : of one network.
    known : `known_rows` at the same steps.
    own, tau : the network's own step and its shortest time constant, ms.
    seed : of the bootstrap.
    """
    by = {(run.stepper, run.dt): run for run in runs}
    euler = sorted((run for run in runs if run.stepper == EULER), key=lambda run: run.dt)
    apart = [abs(slope - STEPPERS[name].order) for name in STEPPERS if np.isfinite(slope := known_slope(known, name))]
    found = {"known_order": Measured(max(apart), n=len(apart))}
    if len(euler) >= IN_ORDER:
        found["euler_order"] = bootstrap(lambda counts: slopes(euler[:IN_ORDER], counts), _images(euler[0]), seed)
    mine = by.get((EULER, own))
    if mine is None:
        return found
    found["settled_state"] = bootstrap(lambda counts: mine.errors(counts, at_end=True), _images(mine), seed)
    found["refined_answers"] = same_answers(euler[0], mine)
    discrete = [run for run in euler if run.dt <= tau + 1e-9]
    if discrete[-1].dt > own:
        found["discrete_answers"] = same_answers(discrete[-1], mine)
    coarsest = by.get((EXPONENTIAL, max(run.dt for run in runs)))
    if coarsest is not None:
        found["coarse_answers"] = same_answers(coarsest, mine)
    return found


def slopes(runs: Sequence[StepRun], counts: Array) -> Array:
    """Slope [R] of log error over log dt, with images drawn `counts` [R, B] times; NaN where an error is zero."""
    errors = np.stack([run.errors(counts) for run in runs])
    errors[:, ~(errors > 0).all(0)] = np.nan
    return _slope(np.array([run.dt for run in runs]), errors)


def _slope(dts: Array, errors: Array) -> Array:
    """Least-squares slope of log errors [S, R] over log dts [S]."""
    x = np.log(dts) - np.log(dts).mean()
    found: Array = x @ np.log(errors) / (x @ x)
    return found


def same_answers(run: StepRun, other: StepRun) -> Measured:
    """Share of images with the same answer at the end."""
    same = run.answers[-1] == other.answers[-1]
    return share(int(same.sum()), len(same))


def known_rows(flow: KnownFlow, ms: float, dts: Sequence[float]) -> Rows:
    """Error of every stepper at every step on a flow with a known solution; steps that are unstable are left out."""
    rows: Rows = [
        {"stepper": name, "dt_ms": dt, "error": flow.error(ms, max(dts), dt, name)} for name in STEPPERS for dt in dts
    ]
    return [row for row in rows if np.isfinite(row["error"])]


def known_slope(rows: Sequence[Any], stepper: str) -> float:
    """Order that a stepper shows on the known flow; NaN with too few steps."""
    mine = sorted((row for row in rows if row["stepper"] == stepper), key=lambda row: float(row["dt_ms"]))[:IN_ORDER]
    if len(mine) < IN_ORDER:
        return float("nan")
    errors = np.array([[row["error"]] for row in mine])
    return float(_slope(np.array([row["dt_ms"] for row in mine]), errors)[0])


def step_rows(runs: Sequence[StepRun], split: Split, own: float, seed: int) -> Rows:
    """One row per stepper and step, with 95 % intervals over images."""
    mine = next((run for run in runs if run.stepper == EULER and run.dt == own), None)
    labels, rows = split.labels.cpu().numpy(), []
    for run in runs:
        row: dict[str, Any] = {"stepper": run.stepper, "dt_ms": run.dt, "steps": round(float(run.times[-1]) / run.dt)}
        row |= _cells("accuracy", share(int((run.answers[-1] == labels).sum()), len(labels)))
        if mine is not None:
            row |= _cells("agreement", same_answers(run, mine))
        row |= _cells("error", bootstrap(run.errors, len(labels), seed))
        row["error_at_end"] = float(run.errors(np.ones((1, len(labels))), at_end=True)[0])
        rows.append(row | {"images": len(labels)})
    return rows


def _cells(name: str, found: Measured) -> dict[str, float]:
    low, high = found.interval or (float("nan"), float("nan"))
    return {name: found.value, f"{name}_low": low, f"{name}_high": high}


def _course(run: StepRun, split: Split) -> Rows:
    right = (run.answers == split.labels.cpu().numpy()).mean(1)
    about = {"stepper": run.stepper, "dt_ms": run.dt}
    return [about | {"time_ms": ms, "accuracy": hit} for ms, hit in zip(run.times, right, strict=True)]


def _images(run: StepRun) -> int:
    return int(run.answers.shape[1])
