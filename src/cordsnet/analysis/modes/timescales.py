"""Time constants of modes: decay or growth, frequency, and number of cycles, from eigenvalues."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_positive

FIRST_ORDER = "to first order"
IF_NORMAL = "for normal operators"
UNKNOWN = "not known"
COLUMNS = (
    "growth_per_ms",
    "decay_ms",
    "growing",
    "frequency_hz",
    "quality",
    "error_per_ms",
    "shortest_ms",
    "longest_ms",
    "undecided",
    "frequency_error_hz",
)


@runtime_checkable
class Spectrum(Protocol):
    """The result of an eigensolver: `values` [K], `residuals` [K], and condition numbers or None."""

    @property
    def values(self) -> Tensor:
        """[K], complex."""

    @property
    def residuals(self) -> Tensor:
        """[K], relative."""

    @property
    def condition(self) -> Tensor | None:
        """[K], 1 / |y' v|, or None if not computed."""


@dataclass(frozen=True)
class TimeConstants:
    """Modes of the flow dr/dt = A r, in the order of the eigenvalues; every tensor has K entries.

    Attributes
    ----------
    eigenvalues : complex, as given.
    growth_per_ms : real part of the eigenvalue of the flow, 1/ms; below zero if the mode decays.
    decay_ms : -1 / growth: the time in which the mode falls to 1/e. Negative if `growing` (it then rises by e in that
        time), infinite if the growth is exactly zero.
    growing : True where growth is above zero.
    frequency_hz : |Im| / 2 pi x 1000.
    quality : cycles per decay time, frequency x |decay|; infinite for an oscillation that neither decays nor grows.
    error_per_ms : bound on the error of the eigenvalue of the flow, 1/ms; NaN if unknown. `error_holds` says under
        which condition it holds.
    shortest_ms, longest_ms : range of |decay_ms| within that error; `longest_ms` is infinite if `undecided`.
    undecided : True where the error is at least |growth|, so that the sign of the growth is not known. False if the
        error is not known.
    frequency_error_hz : the error of the frequency.
    error_holds : "to first order" (condition number x residual); "for normal operators" (the residual alone, which is
        no bound for a non-normal operator: compute condition numbers); "not known" (no residuals).
    """

    eigenvalues: Tensor
    growth_per_ms: Tensor
    decay_ms: Tensor
    growing: Tensor
    frequency_hz: Tensor
    quality: Tensor
    error_per_ms: Tensor
    shortest_ms: Tensor
    longest_ms: Tensor
    undecided: Tensor
    frequency_error_hz: Tensor
    error_holds: str

    def rows(self) -> list[dict[str, float | bool | str]]:
        """One row of a table for each mode."""
        return [
            {
                "real": float(value.real),
                "imaginary": float(value.imag),
                **{name: getattr(self, name)[k].item() for name in COLUMNS},
                "error_holds": self.error_holds,
            }
            for k, value in enumerate(self.eigenvalues)
        ]


@check_arguments
def time_constants(
    eigenvalues: Spectrum | Tensor | Sequence[Any],
    tau_ms: float | None = None,
    *,
    residuals: Tensor | None = None,
    condition: Tensor | None = None,
) -> TimeConstants:
    """Decay times, frequencies and quality of modes, with error bounds from residuals.

    Parameters
    ----------
    eigenvalues : [K], or the result of an eigensolver (`values`, `residuals`, `condition`).
    tau_ms : the area's time constant if the eigenvalues are those of d phi(drive)/dr ("target", dimensionless): an
        eigenvalue l then gives (l - 1) / tau_ms of the flow. None if they are those of the flow, 1/ms.
    residuals : [K], |A v - l v| / |l| of unit eigenvectors v (|A v| if l = 0); by default those of the eigensolver.
    condition : [K], condition numbers 1 / |w' v| of the eigenvalues, with w the unit left eigenvectors; NaN if unknown.

    Raises
    ------
    TypeError : eigenvalues that are not numbers.
    ValueError : values that are not finite, different numbers of entries, condition numbers below 1.

    Source: l is an exact eigenvalue of A + E with |E| = residual x |l|, so it is within condition x |E| of one of A to
    first order in |E| (Wilkinson 1965, chapter 2; Golub & Van Loan 2013, section 7.2.2).
    """
    if isinstance(eigenvalues, Spectrum):
        residuals = eigenvalues.residuals if residuals is None else residuals
        condition = eigenvalues.condition if condition is None else condition
        eigenvalues = eigenvalues.values
    values = _complex(eigenvalues)
    if tau_ms is not None:
        check_positive(tau_ms, "tau_ms")
    scale = 1.0 if tau_ms is None else 1.0 / tau_ms
    flow = values if tau_ms is None else (values - 1) * scale
    error, holds = _error(values, residuals, condition)
    error = error * scale
    growth, frequency = flow.real, flow.imag.abs() / (2 * math.pi) * 1000
    decay = -1 / growth
    undecided = error >= growth.abs()
    cycles = flow.imag.abs() / (2 * math.pi * growth.abs())
    return TimeConstants(
        eigenvalues=values,
        growth_per_ms=growth,
        decay_ms=torch.where(growth == 0, math.inf, decay),
        growing=growth > 0,
        frequency_hz=frequency,
        quality=torch.where(flow.imag == 0, 0.0, cycles),
        error_per_ms=error,
        shortest_ms=1 / (growth.abs() + error),
        longest_ms=torch.where(undecided, math.inf, 1 / (growth.abs() - error)),
        undecided=undecided,
        frequency_error_hz=error / (2 * math.pi) * 1000,
        error_holds=holds,
    )


def _complex(eigenvalues: Tensor | Sequence[Any]) -> Tensor:
    """Eigenvalues in double precision on the CPU."""
    try:
        values = torch.as_tensor(eigenvalues, dtype=torch.complex128, device="cpu").detach()
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise TypeError(
            f"eigenvalues must be numbers [K] or an eigensolver's result, got {eigenvalues!r:.100}"
        ) from error
    if values.ndim != 1:
        raise ValueError(f"eigenvalues must have one axis [K], got shape {list(values.shape)}")
    if not bool(torch.isfinite(values).all()):
        raise ValueError("eigenvalues hold values that are not finite; leave out those that did not converge")
    return values


def _error(values: Tensor, residuals: Tensor | None, condition: Tensor | None) -> tuple[Tensor, str]:
    """Error bound of each eigenvalue, and the condition under which it holds."""
    if residuals is None:
        if condition is not None:
            raise ValueError("condition is used with residuals only; give residuals [K]")
        return torch.full(values.shape, math.nan, dtype=torch.float64), UNKNOWN
    size = values.abs()
    distance = _like(residuals, values, "residuals", 0.0) * torch.where(size > 0, size, 1.0)
    if condition is None:
        return distance, IF_NORMAL
    return _like(condition, values, "condition", 1.0) * distance, FIRST_ORDER


def _like(given: Tensor, values: Tensor, name: str, least: float) -> Tensor:
    if given.shape != values.shape:
        raise ValueError(f"{name} must be [{len(values)}] like the eigenvalues, got shape {list(given.shape)}")
    numbers = given.detach().cpu().double()
    if bool((numbers < least * (1 - 1e-3)).any()):  # NaN passes: the eigensolver does not know that number
        raise ValueError(f"{name} must be at least {least:g} each, got {numbers.tolist()}")
    return numbers
