"""Claims as data: a statement, its source, the range of values with which it holds, and what was measured."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from cordsnet._arguments import check_init

Verdict: TypeAlias = Literal["holds", "fails", "undecided at this scale"]
HOLDS: Verdict = "holds"
FAILS: Verdict = "fails"
UNDECIDED: Verdict = "undecided at this scale"


@check_init
@dataclass(frozen=True)
class Expected:
    """Range of values with which a claim holds.

    Attributes
    ----------
    low, high : ends of the range; infinite where there is none.
    strict : True if the ends themselves do not count.
    """

    low: float = -math.inf
    high: float = math.inf
    strict: bool = False

    def __post_init__(self) -> None:
        if not self.low <= self.high or (math.isinf(self.low) and math.isinf(self.high)):
            raise ValueError(f"an expectation needs low <= high and one finite end, got {self.low} and {self.high}")

    def contains(self, value: float) -> bool:
        """True if the value lies in the range."""
        if not self.strict:
            return self.low <= value <= self.high
        above = self.low < value or math.isinf(self.low)  # minus infinity is below any finite end
        return above and (value < self.high or math.isinf(self.high))

    def excludes(self, low: float, high: float) -> bool:
        """True if no value from `low` to `high` lies in the range."""
        if not self.strict:
            return high < self.low or low > self.high
        below = high <= self.low and not math.isinf(self.low)
        return below or (low >= self.high and not math.isinf(self.high))

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"{'above' if self.strict else 'at least'} {self.low:g}"
        if math.isinf(self.low):
            return f"{'below' if self.strict else 'at most'} {self.high:g}"
        return f"from {self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Measured:
    """Measurement on which the verdict of a claim rests.

    Attributes
    ----------
    value : the number that the claim is about.
    interval : 95 % interval of it, or None.
    n : number of observations, such as images or networks.
    """

    value: float
    interval: tuple[float, float] | None = None
    n: int | None = None


@dataclass(frozen=True)
class Claim:
    """A statement that an experiment decides by a rule that is written before the run.

    With an interval, the claim holds when the whole interval lies in the expected range, and fails when none of it
    does. Without an interval it is undecided, unless it is about this very network, whose number is exact.

    Attributes
    ----------
    name : key by which the experiment reports its measurement.
    statement : the claim, in one sentence.
    source : the paper and its figure, or "reviewer" and the question.
    measure : meaning of the number, with its units.
    expected : range of the number with which the claim holds.
    exact : True if the claim is about this very network, so that no interval is needed.
    of : what `n` counts.
    subject : model, or pair of models, that was measured; "" before the run.
    value, interval, n : the measurement; None before the run.
    """

    name: str
    statement: str
    source: str
    measure: str
    expected: Expected
    exact: bool = False
    of: str = "images"
    subject: str = ""
    value: float | None = None
    interval: tuple[float, float] | None = None
    n: int | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict by the rule above: "holds", "fails" or "undecided at this scale"."""
        if self.value is None:
            return UNDECIDED
        if self.interval is not None:
            if all(self.expected.contains(end) for end in self.interval):
                return HOLDS
            return FAILS if self.expected.excludes(*self.interval) else UNDECIDED
        if not self.exact:
            return UNDECIDED
        return HOLDS if self.expected.contains(self.value) else FAILS

    def found(self, measured: Measured, subject: str = "") -> "Claim":
        """The claim with its measurement; NaN counts as not measured."""
        if math.isnan(measured.value):
            return replace(self, subject=subject, n=measured.n)
        interval = measured.interval
        if interval is not None and any(math.isnan(end) for end in interval):
            interval = None
        return replace(self, subject=subject, value=float(measured.value), interval=interval, n=measured.n)


def decide(claims: Iterable[Claim], found: Mapping[str, Measured], subject: str = "") -> tuple[Claim, ...]:
    """Declared claims with their measurements, by name; those without a measurement stay undecided.

    Raises ValueError when something was measured that no claim declares.
    """
    claims = tuple(claims)
    if unknown := sorted(set(found) - {claim.name for claim in claims}):
        raise ValueError(f"{unknown[0]!r} was measured but no claim of that name is declared")
    return tuple(
        claim.found(found[claim.name], subject) if claim.name in found else replace(claim, subject=subject)
        for claim in claims
    )


def at_least(value: float) -> Expected:
    """`value` or more."""
    return Expected(low=value)


def at_most(value: float) -> Expected:
    """`value` or less."""
    return Expected(high=value)


def above(value: float) -> Expected:
    """More than `value`."""
    return Expected(low=value, strict=True)


def below(value: float) -> Expected:
    """Less than `value`."""
    return Expected(high=value, strict=True)


def between(low: float, high: float) -> Expected:
    """From `low` to `high`."""
    return Expected(low, high)
