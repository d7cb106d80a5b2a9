"""Deep equilibrium models as data: how the equilibrium and its gradient are solved, and the DEQ of a CordsNet."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias, get_args

import torch

from cordsnet._checks import check_positive, is_int
from cordsnet.dynamics import Solver
from cordsnet.models.cordsnet.spec import NetworkSpec

Method: TypeAlias = Literal["anderson", "broyden", "fixed_point"]
Gradient: TypeAlias = Literal["implicit", "neumann", "phantom", "unrolled"]
ROUNDING = 16
"""Rounding errors of the rates below which no residual is asked for."""


@dataclass(frozen=True)
class SolverFields:
    """Fields that specs of deep equilibrium models share.

    Attributes
    ----------
    solver : "anderson", "broyden", or "fixed_point", which is x <- f(x).
    tol : relative residual |f(x) - x| / |f(x)| at which a trial has converged; never below 16 rounding errors.
    max_iterations : evaluations of f after which the solver stops.
    memory : iterates that Anderson acceleration combines, or corrections that Broyden's method keeps.
    gradient : "implicit", by the implicit function theorem, solved as the equilibrium is; "neumann", its series cut
        after `terms` terms; "phantom", `terms` damped steps from the equilibrium (Geng et al. 2021); "unrolled",
        through all `max_iterations` of solver "fixed_point", from the start, whether it has converged or not.
    terms : of the series, or steps of the phantom gradient.
    damping : of the phantom gradient's steps, x <- damping f(x) + (1 - damping) x.
    carry_state : start the solver of a frame from the equilibrium of the last one, instead of from zero.
    steps : frames for which an image is held before the network is read; they are all alike, unless
        `carry_state` lets each begin where the last one ended.
    ms_per_step : what one step, which is one frame, stands for, ms. It is a convention: an equilibrium knows no time.
    """

    solver: Method = "anderson"
    tol: float = 1e-5
    max_iterations: int = 100
    memory: int = 6
    gradient: Gradient = "implicit"
    terms: int = 5
    damping: float = 0.7
    carry_state: bool = False
    steps: int = 1
    ms_per_step: float = 100.0

    def check_solver(self) -> None:
        """Raise ValueError, naming the field, for settings that cannot be."""
        for name in ("max_iterations", "memory", "terms", "steps"):
            if not is_int(getattr(self, name), 1):
                raise ValueError(f"{name} must be a whole number of at least 1, got {getattr(self, name)!r}")
        for name, options in (("solver", get_args(Method)), ("gradient", get_args(Gradient))):
            if getattr(self, name) not in options:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, options))}, got {getattr(self, name)!r}")
        if not isinstance(self.carry_state, bool):
            raise ValueError(f"carry_state must be True or False, got {self.carry_state!r}")
        check_positive(self.ms_per_step, "ms_per_step")
        if self.gradient == "unrolled" and self.solver != "fixed_point":
            raise ValueError(f"gradient = 'unrolled' needs solver = 'fixed_point', got {self.solver!r}")
        self.settings(torch.float64)

    def settings(self, dtype: torch.dtype) -> Solver:
        """The solver for rates of that precision; of an unrolled gradient, that of the iterations alone."""
        return Solver(
            tol=max(self.tol, ROUNDING * torch.finfo(dtype).eps) if self.tol > 0 else self.tol,
            max_iterations=self.max_iterations,
            memory=self.memory,
            gradient="implicit" if self.gradient == "unrolled" else self.gradient,
            terms=self.terms,
            method=self.solver,
            damping=self.damping,
        )


@dataclass(frozen=True)
class DeqConvSpec(SolverFields, NetworkSpec):
    """The wiring of a CordsNet (see `NetworkSpec`), and how its equilibrium is solved (see `SolverFields`).

    `tau_ms` and `dt_ms` play no part in an equilibrium.
    """

    kind: ClassVar[str] = "deq_conv"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_solver()

    @classmethod
    def of(cls, network: NetworkSpec, name: str) -> "DeqConvSpec":
        """The DEQ with the wiring of a CordsNet."""
        fields = {field.name: getattr(network, field.name) for field in dataclasses.fields(NetworkSpec)}
        return cls(**{**fields, "name": name})
