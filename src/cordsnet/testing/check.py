"""The table of checks, and what runs them."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from cordsnet.errors import CheckpointError, DivergedError
from cordsnet.models import VisionModel
from cordsnet.registry import Registry
from cordsnet.testing.subject import Subject

Check: TypeAlias = Callable[[Subject], None]
CHECKS: Registry[Check] = Registry("check")
"""Name of a rule -> function that raises AssertionError, with a sentence, for a model that breaks it."""

FIRST = frozenset({"describes_itself", "states_have_their_shapes", "outputs_have_axes"})
"""Rules on which all others build: while one of them is broken, the others are not looked at."""

FAILURES = (
    AssertionError,
    AttributeError,
    ArithmeticError,
    CheckpointError,
    DivergedError,
    LookupError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""Errors by which a model that breaks the contract may end a check."""


class ContractError(AssertionError):
    """A model breaks the contract. Carries the broken rules, name -> sentence."""

    def __init__(self, model: str, broken: dict[str, str]) -> None:
        self.broken = broken
        lines = "\n".join(f"- {name}: {sentence}" for name, sentence in broken.items())
        rest = "" if FIRST.isdisjoint(broken) else "\nMend these first; the rules that build on them were not checked."
        super().__init__(f"{model} breaks {len(broken)} of {len(list(CHECKS))} rules:\n{lines}{rest}")


def check_model(model: VisionModel, *, skip: Sequence[str] = (), seed: int = 0) -> None:
    """Check that a model keeps the contract of this package, so that all of its tools can be trusted with it.

    It runs small simulations in double precision on a copy; seconds for a small model, so give a small version of a
    large one.

    Parameters
    ----------
    model : an instance of a subclass of `VisionModel`.
    skip : names of rules to leave out (`list(CHECKS)` has all).
    seed : of the inputs that are shown.

    Raises
    ------
    ContractError : with one sentence for each broken rule.
    TypeError : not a VisionModel.
    """
    broken = broken_rules(model, skip=skip, seed=seed)
    if broken:
        raise ContractError(type(model).__name__, broken)


def broken_rules(model: VisionModel, *, skip: Sequence[str] = (), seed: int = 0) -> dict[str, str]:
    """The rules that a model breaks, name -> sentence. Parameters and TypeError as for `check_model`."""
    if not isinstance(model, VisionModel):
        raise TypeError(f"model must be a VisionModel, got {type(model).__name__}; derive it from cordsnet.VisionModel")
    left_out = {CHECKS[name] for name in skip}
    broken: dict[str, str] = {}
    for name in sorted(CHECKS, key=lambda one: one not in FIRST):
        if CHECKS[name] in left_out or (broken and name not in FIRST and not FIRST.isdisjoint(broken)):
            continue
        try:
            CHECKS[name](Subject(model, seed))
        except FAILURES as error:
            what = str(error).splitlines()[0] if str(error) else "no reason given"
            broken[name] = what if isinstance(error, AssertionError) else f"{type(error).__name__}: {what}"
    return broken


def rule(holds: bool, sentence: str) -> None:
    """Raise AssertionError with the sentence unless the rule holds."""
    if not holds:
        raise AssertionError(sentence)
