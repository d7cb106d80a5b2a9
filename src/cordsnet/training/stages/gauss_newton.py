"""Inverse initialisation by Gauss-Newton: least squares on where the rectified network settles.

The settled rates r = relu(R * r + F * h + b) of an area depend on R, F and b. The implicit function theorem gives the
change of r for a change of these, and its adjoint, each by one linear fixed point. With the two, conjugate gradients
solve the damped normal equations (Levenberg 1944; Marquardt 1963) without a matrix. Areas are fitted from the lowest
up, each reading the settled rates of those below, so that it makes up for their errors.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from cordsnet._arguments import check_init
from cordsnet._checks import check_positive
from cordsnet._progress import tell_progress
from cordsnet.dynamics import Activation, ConvMap, Solver, Status, full_precision
from cordsnet.training.checkpoints import SAVE_MINUTES
from cordsnet.training.constraint import limit, limit_recurrence
from cordsnet.training.evaluate import BATCH
from cordsnet.training.stage import Context, Stage, StageResult
from cordsnet.training.stages.imitate import imitation
from cordsnet.training.steps import StepKeeper

Weights: TypeAlias = list[Tensor]
"""Recurrent kernel, feedforward kernel and bias of an area."""

LESS, MORE = 0.7, 4.0
"""By what the damping changes after a step that helped, and after one that did not."""


@check_init
@dataclass(frozen=True)
class GaussNewton(Stage):
    """Fit each area's kernels and bias to the folded CNN's rates, without learning rates or batches.

    Attributes
    ----------
    images : of training, on all of which every step is taken.
    steps : of Gauss-Newton, per area.
    iterations : of conjugate gradients in each step.
    damping : of the first step, in units in which the curvature along a single weight is about 1. It falls after a
        step that helped; one that did not, or after which the area does not settle, is taken back, and it rises.
    norm_bound : largest norm of a recurrent kernel (`norm_bound`). Below 1 the network must settle, but fits worse.
    solver : how fixed points and their derivatives are computed.
    """

    kind: ClassVar[str] = "gauss_newton"
    name: str = "gauss_newton"
    start: str = "fold"
    images: int = 256
    steps: int = 20
    iterations: int = 10
    damping: float = 1.0
    norm_bound: float = 1.5
    solver: Solver = field(default_factory=lambda: Solver(tol=1e-3, max_iterations=40))

    def __post_init__(self) -> None:
        check_positive(self.damping, "damping")
        check_positive(self.norm_bound, "norm_bound")
        if min(self.images, self.steps, self.iterations) < 1:
            given = f"{self.images}, {self.steps} and {self.iterations}"
            raise ValueError(f"images, steps and iterations must be at least 1, got {given}")

    @torch.no_grad()
    @full_precision()
    def run(self, context: Context) -> StageResult:
        """Fit from the CNN's feedforward kernels and small random recurrence."""
        cnn = context.folded_twin_of(self.start)
        model = cnn.recurrent_twin(context.seed)
        model.activation = Activation("relu")
        limit_recurrence(model, self.norm_bound)
        drives = cnn.drives(context.training_images(self.images, cnn))
        settled = {name: drive for name, drive in drives.items() if name not in model.areas}  # the encoded image
        keeper = StepKeeper(
            context.run / self.name / "checkpoints", self.steps * len(model.areas), SAVE_MINUTES, context.fingerprint
        )
        with keeper.handling_signals():
            course = Course(keeper, self)
            for area in model.areas:
                start = model.area_weights(area)
                read, target = cnn.afferent(area, settled), functional.relu(drives[area])
                problem = SettledArea(read, target, start.stride, self.solver)
                weights = [value.detach().clone() for value in (start.recurrent, start.feedforward, start.bias)]
                weights, settled[area] = fit_area(problem, weights, self, course)
                model.set_area_weights(area, *weights)
        fitted = imitation(model, cnn, context.test_images(BATCH, model), self.solver)
        return StageResult(model, context.measure(model) | fitted)


class SettledArea:
    """The settled rates of one rectified area as a function of its weights, with its derivative and the adjoint.

    Parameters
    ----------
    read : input of its feedforward kernel, [B, C', H', W'].
    target : rates that it should settle at, [B, C, H, W].
    stride : of the feedforward kernel.
    solver : of all fixed points.
    """

    def __init__(self, read: Tensor, target: Tensor, stride: int, solver: Solver) -> None:
        self.read, self.target, self.stride, self.solver = read, target, stride, solver
        self.scale = float((target.var() * target.numel()).rsqrt())

    def settle(self, weights: Weights) -> tuple[Tensor, bool]:
        """The settled rates, and whether every trial converged."""
        recurrent, drive = ConvMap(weights[0]), self._drive(weights)
        found = self._solve(lambda rates: functional.relu(drive + recurrent(rates)), functional.relu(drive))
        return found[0], all(status is Status.CONVERGED for status in found[1])

    def error(self, rates: Tensor) -> Tensor:
        """Scaled so that its sum of squares is the unexplained variance."""
        return self.scale * (rates - self.target)

    def push(self, weights: Weights, rates: Tensor, change: Weights) -> Tensor:
        """Change of the error for a change of the weights: x = phi' (R * x + dR * r + dF * h + db)."""
        open_, recurrent = (rates > 0).to(rates.dtype), ConvMap(weights[0])
        source = open_ * (ConvMap(change[0])(rates) + self._drive(change))
        return self.scale * self._solve(lambda x: source + open_ * recurrent(x), source)[0]

    def pull(self, weights: Weights, rates: Tensor, upstream: Tensor) -> Weights:
        """The adjoint of `push`: what each weight would change of <error, upstream>."""
        open_, recurrent = (rates > 0).to(rates.dtype), ConvMap(weights[0])
        upstream = self.scale * upstream
        carried = open_ * self._solve(lambda x: upstream + recurrent.transpose(open_ * x), upstream)[0]
        feedforward = ConvMap(weights[1], self.stride)
        return [
            recurrent.weight_gradient(rates, carried),
            feedforward.weight_gradient(self.read, carried),
            carried.sum(0),
        ]

    def units(self, rates: Tensor) -> list[float]:
        """Size of a change of each weight that changes the drive of all its units by about the scale of the target."""
        trials = self.scale**2 * len(rates)
        each = trials * rates[0, 0].numel()  # a kernel acts at every place
        curvature = (each * rates.square().mean(), each * self.read.square().mean(), self.target.new_tensor(trials))
        return [float(value.clamp_min(1e-12).rsqrt()) for value in curvature]

    def _drive(self, weights: Weights) -> Tensor:
        return ConvMap(weights[1], self.stride)(self.read) + weights[2]

    def _solve(self, f: Callable[[Tensor], Tensor], start: Tensor) -> tuple[Tensor, tuple[Status, ...]]:
        found = self.solver.find(f, start)
        return found.value, found.status


class Course:
    """Progress of the fit of all areas, saved between steps, so that it goes on after it was stopped.

    Parameters
    ----------
    keeper : object that saves it, and holds what was saved before.
    stage : settings of the stage.
    """

    def __init__(self, keeper: StepKeeper, stage: GaussNewton) -> None:
        self.keeper, self.stage = keeper, stage
        state, _ = keeper.newest()
        self.saved: list[dict[str, Any]] = [] if state is None else state["areas"]
        self.areas: list[dict[str, Any]] = []

    def begin(self, weights: Weights) -> tuple[Weights, float, int]:
        """Weights, damping and number of steps taken, with which the next area begins or goes on."""
        found: dict[str, Any] = {"weights": weights, "damping": self.stage.damping, "steps": 0}
        if len(self.areas) < len(self.saved):
            found = self.saved[len(self.areas)]
            found["weights"] = [value.to(like) for value, like in zip(found["weights"], weights, strict=True)]
        self.areas.append(found)
        return found["weights"], found["damping"], found["steps"]

    def after(self, weights: Weights, damping: float, steps: int) -> None:
        """Note where the area is after a step; save it when it is due."""
        self.areas[-1] = {"weights": weights, "damping": damping, "steps": steps}
        self.keeper.after((len(self.areas) - 1) * self.stage.steps + steps, lambda: {"areas": self.areas})


def fit_area(area: SettledArea, weights: Weights, stage: GaussNewton, course: Course) -> tuple[Weights, Tensor]:
    """Weights after the steps of a stage, and the rates at which the area then settles."""
    weights, damping, taken = course.begin(weights)
    rates, _ = area.settle(weights)
    what = f"{stage.name}, area {len(course.areas)}"
    tell_progress(what, taken, stage.steps, "steps")
    for step in range(taken, stage.steps):
        change = damped_step(area, weights, rates, damping, stage.iterations)
        trial = [w + s for w, s in zip(weights, change, strict=True)]
        limit(trial[0], rates.shape[2:], stage.norm_bound)
        tried, settles = area.settle(trial)
        helped = settles and bool(area.error(tried).square().sum() < area.error(rates).square().sum())
        weights, rates = (trial, tried) if helped else (weights, rates)
        damping *= LESS if helped else MORE
        course.after(weights, damping, step + 1)
        tell_progress(what, step + 1, stage.steps, "steps")
    return weights, rates


def damped_step(area: SettledArea, weights: Weights, rates: Tensor, damping: float, iterations: int) -> Weights:
    """Change of the weights that solves (J'J + damping) step = -J' error, each weight in units of its own."""
    units = area.units(rates)

    def curve(step: Weights) -> Weights:
        pulled = area.pull(weights, rates, area.push(weights, rates, _scaled(step, units)))
        return _plus(_scaled(pulled, units), damping, step)

    downhill = _scaled(area.pull(weights, rates, -area.error(rates)), units)
    return _scaled(conjugate_gradients(curve, downhill, iterations), units)


def conjugate_gradients(a: Callable[[Weights], Weights], b: Weights, iterations: int) -> Weights:
    """x of a(x) = b after some iterations from zero; `a` symmetric and positive definite (Hestenes & Stiefel 1952)."""
    x, residual, direction = [torch.zeros_like(part) for part in b], b, b
    size = _dot(residual, residual)
    for _ in range(iterations):
        if size == 0:
            break
        image = a(direction)
        length = size / _dot(direction, image)
        x, residual = _plus(x, length, direction), _plus(residual, -length, image)
        before, size = size, _dot(residual, residual)
        direction = _plus(residual, size / before, direction)
    return x


def _scaled(weights: Weights, units: list[float]) -> Weights:
    return [unit * part for unit, part in zip(units, weights, strict=True)]


def _dot(one: Weights, other: Weights) -> float:
    return sum(float((x * y).sum()) for x, y in zip(one, other, strict=True))


def _plus(one: Weights, times: float, other: Weights) -> Weights:
    return [x + times * y for x, y in zip(one, other, strict=True)]
