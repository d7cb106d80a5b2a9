"""The table of gradient rules, and the settings that choose one."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from cordsnet._arguments import check_init
from cordsnet._checks import check_at_least, check_count, check_positive
from cordsnet.dynamics.gradients.trial import Ending, Trial
from cordsnet.dynamics.system import System
from cordsnet.registry import Registry

MOST = 1_000_000
"""Largest number of steps, terms and evaluations that is accepted."""


@dataclass(frozen=True)
class GradientRule:
    """A way to compute the gradient of the last state of a trial.

    Attributes
    ----------
    run : (trial, settings) -> how the trial ended, its state in the graph.
    about : one sentence.
    uses : fields of `Gradient` that it reads.
    whole : True if it gives the exact gradient of every step, so that losses of any steps can be used.
    settles : True if it takes the last step for a map with a fixed point.
    engine : engine with which it runs the time loop; None takes any.
    """

    run: "Callable[[Trial, Gradient], Ending]"
    about: str
    uses: tuple[str, ...] = ()
    whole: bool = False
    settles: bool = False
    engine: str | None = None


GRADIENTS: Registry[GradientRule] = Registry("gradient")
"""Name -> rule."""

for _name, _file in (("bptt", "exact:BPTT"), ("checkpointed", "exact:CHECKPOINTED"), ("truncated", "truncated:RULE")):
    GRADIENTS.add_lazy(_name, f"cordsnet.dynamics.gradients.{_file}")
for _name in ("rbp", "implicit", "phantom"):
    GRADIENTS.add_lazy(_name, f"cordsnet.dynamics.gradients.{_name}:RULE")


@check_init
@dataclass(frozen=True)
class Gradient:
    """A gradient rule, and its settings. Settings that the rule does not read are refused.

    Attributes
    ----------
    rule : row of `GRADIENTS`. "bptt" goes back through every step; "checkpointed" does so in blocks that are run again;
        "truncated" goes back through the last `steps` alone; "rbp" is recurrent back-propagation, `terms` products
        with the last step's Jacobian; "implicit" solves the equation of the fixed point's gradient; "phantom" goes
        back through `steps` damped steps.
    steps : of "truncated" and "phantom", the last steps, which are kept for the gradient.
    terms : of "rbp", products with the transposed Jacobian.
    leak : of "rbp": v <- J' v - leak v in place of J' v (Linsley et al. 2020 use 0.9 in one of their codes). With a
        leak the sum does not approach the implicit gradient.
    stop_early : of "rbp": stop, as the code of Linsley et al. (2020) does, before the sum's norm is above 1, or when
        terms stop shrinking, or are below 1e-9. The first depends on the scale of the loss.
    damping : of "phantom": h <- (1 - damping) h + damping F(h).
    forward : of "implicit", how the fixed point is found: "steps" takes the last step of the trial, "anderson" solves
        for it from the state in which the trial starts.
    tol : relative residual |F(h) - h| / |F(h)| at which a trial counts as settled, and for "implicit" that of the
        linear equation.
    max_iterations : of "implicit": evaluations in the search for the fixed point, and products in that for the
        gradient.
    basis : of "implicit", vectors of the size of all signals that GMRES holds between restarts.
    unsettled : of "implicit": "refuse" raises NotConvergedError in the backward pass when a trial that takes part in it
        has not settled, or when its equation was not solved; "accept" takes what the formula gives there.
    """

    rule: str = "bptt"
    steps: int = 5
    terms: int = 15
    leak: float = 0.0
    stop_early: bool = True
    damping: float = 0.7
    forward: Literal["steps", "anderson"] = "steps"
    tol: float = 1e-5
    max_iterations: int = 100
    basis: int = 30
    unsettled: Literal["refuse", "accept"] = "refuse"

    def __post_init__(self) -> None:
        for name in ("steps", "max_iterations", "basis"):
            check_count(getattr(self, name), name, 1, MOST)
        check_count(self.terms, "terms", 0, MOST)
        check_at_least(self.leak, "leak", 0)
        check_positive(self.tol, "tol")
        if not 0 < self.damping <= 1:
            raise ValueError(f"damping must be above 0 and at most 1, got {self.damping!r}")
        for name, known in (("forward", ("steps", "anderson")), ("unsettled", ("refuse", "accept"))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be {' or '.join(map(repr, known))}, got {getattr(self, name)!r}")
        uses = GRADIENTS[self.rule].uses
        for field in dataclasses.fields(self):
            if field.name not in ("rule", *uses) and getattr(self, field.name) != field.default:
                what = f"reads {', '.join(uses)}" if uses else "has no settings"
                raise ValueError(f"{field.name} says nothing to gradient {self.rule!r}, which {what}; leave it out")

    @property
    def row(self) -> GradientRule:
        """The rule."""
        return GRADIENTS[self.rule]

    def check(self, system: System[Any] | None) -> None:
        """Raise ValueError, saying why, when this is not defined for a system; None is a model without time."""
        if system is None or system.clock.kind == "static":
            if self != Gradient():
                raise ValueError(f"gradient {self.rule!r} needs a model that evolves in time; leave it out")
        elif self.row.settles:
            check_repeats(system, f"gradient {self.rule!r}")


def check_repeats(system: System[Any], what: str) -> None:
    """Raise ValueError unless a step, repeated while inputs are held, is one map of the signals; `what` needs it."""
    if system.unrolling == "inner":
        why = "runs all iterations of an area within a step, so that a step does not start from the one before"
    elif system.has_noise:
        why = "has noise, so that no two steps are the same; switch it off"
    elif system.silent_past(1):
        why = "has delays, so that a step does not depend on the last state alone; use the loss 'settled'"
    else:
        return
    raise ValueError(f"{what} needs steps that repeat one map of the state, and this model {why}")
