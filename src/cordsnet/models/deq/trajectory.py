"""The iterates of a solver, as a trajectory of its own: what a deep equilibrium model does within one frame."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.dynamics import NONE, Effects, Solver, Status, System, full_precision
from cordsnet.dynamics.fixed_point import relative_size
from cordsnet.dynamics.lesions import LesionedSystem
from cordsnet.dynamics.precision import own_precision
from cordsnet.models.deq.settle import Joined
from cordsnet.models.interface import IMAGE, VisionModel


@dataclass(frozen=True)
class SolverTrajectory:
    """Record of a solver on one frame, evaluation by evaluation.

    Attributes
    ----------
    rates : area -> [evaluations, B, *shape], f at the solver's iterates.
    scores : [evaluations, B, K], read from those rates.
    residual : [evaluations, B], |f(x) - x| / |f(x)| of all areas together.
    status : one `Status` per trial.
    tol : residual at which a trial has converged.
    is_time_course : True for "fixed_point" alone. With the wiring of a CordsNet its k-th entry is the state after k + 1
        steps of dt = tau, that of a discrete-time CNN. Iterates of other solvers are no course in time.
    """

    rates: Mapping[str, Tensor]
    scores: Tensor
    residual: Tensor
    status: tuple[Status, ...]
    tol: float
    is_time_course: bool

    @property
    def iterations(self) -> tuple[int | None, ...]:
        """Evaluations up to the first with a residual of at most `tol`, for each trial; None where there is none."""
        reached = self.residual <= self.tol
        first = reached.int().argmax(0) + 1
        return tuple(int(n) if settled else None for n, settled in zip(first, reached.any(0), strict=True))


def is_equilibrium_model(model: VisionModel) -> bool:
    """True if the model solves each frame for an equilibrium, so that it has a `solver_trajectory`."""
    return hasattr(_bare(model.system())[0], "step_of")


@check_arguments
@torch.no_grad()
def solver_trajectory(
    model: VisionModel, images: Tensor | None = None, solver: Solver | str | None = None
) -> SolverTrajectory:
    """Solve one frame from zero rates, and keep what f gives at every iterate.

    The damped steps with which a model with phantom gradients ends are not among them. All is computed in the model's
    own precision, also under `torch.autocast`.

    Parameters
    ----------
    model : a deep equilibrium model.
    images : [B, C, H, W]; None is one blank frame.
    solver : all settings, or the method alone ("anderson", "broyden" or "fixed_point"); None is the model's own.

    Raises
    ------
    TypeError : the model has no equilibrium to solve for, or an argument of another kind.
    ValueError : images that do not fit, or an unknown method.
    """
    model.check_inputs({} if images is None else {IMAGE: images})
    with own_precision(model.like), full_precision():
        return _course(model, images, solver)


def _course(model: VisionModel, images: Tensor | None, solver: Solver | str | None) -> SolverTrajectory:
    inputs = {} if images is None else {IMAGE: images}
    system, effects = _bare(model.system())
    step_of = getattr(system, "step_of", None)
    if step_of is None:
        raise TypeError(
            f"model must be a deep equilibrium model, got {type(model).__name__}; simulate it in time instead"
        )
    dtype = system.like.dtype
    how = solver if isinstance(solver, Solver) else model.spec.settings(dtype)
    how = replace(how, method=solver) if isinstance(solver, str) else how
    start = system.zero_state(1 if images is None else len(images))
    joined, kept = Joined(start.rates), list[tuple[Tensor, Tensor]]()
    f = joined.map(step_of(system.hold(inputs)), effects)

    def noted(x: Tensor) -> Tensor:
        after = f(x)
        kept.append((after, relative_size(after - x, after)))
        return after

    found = how.find(noted, joined.join(start.rates))
    course = [joined.parts(after) for after, _ in kept]
    scores = [system.read(start.with_values(rates))["scores"] for rates in course]
    rates = {area: torch.stack([one[area] for one in course]) for area in start.rates}
    residual = torch.stack([one for _, one in kept])
    return SolverTrajectory(rates, torch.stack(scores), residual, found.status, how.tol, how.method == "fixed_point")


def _bare(whole: System[Any]) -> tuple[Any, Effects]:
    """The system without its lesions, and what these do."""
    return (whole.system, whole.effects) if isinstance(whole, LesionedSystem) else (whole, NONE)
