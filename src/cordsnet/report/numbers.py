"""Numbers as reports show them: a few digits, 0 for what is rounding, no exponent for ordinary sizes."""

import math

NOTHING = 1e-15
"""A smaller number is what is left of 0 when shares are subtracted in double precision."""

ROUNDING = 1e-12
"""A mean that is smaller than this share of its interval is the rounding error of zero."""

LARGE = 1e6
"""A number from which on an exponent is shown."""


def show_number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits; "0" below `NOTHING`, whole from 1000 to `LARGE`."""
    if abs(value) < NOTHING:
        return "0"
    shown = f"{value:.{digits}g}"
    if math.isfinite(value) and "e" in shown and 1 <= abs(value) < LARGE:
        return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.0f}"
    return shown


def show_estimate(value: float, interval: tuple[float, float] | None = None, digits: int = 3) -> str:
    """A number with its interval in brackets where it has one."""
    if interval is None:
        return show_number(value, digits)
    low, high = interval
    rounds = abs(value) < ROUNDING * max(abs(low), abs(high))
    ends = f"[{show_number(low, digits)}, {show_number(high, digits)}]"
    return f"{'0' if rounds else show_number(value, digits)} {ends}"
