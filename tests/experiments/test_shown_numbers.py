"""Numbers in printed claims and tables: rounding is 0, ordinary sizes have no exponent."""

import math

import pytest

from cordsnet.experiments.claims import Claim, Measured, at_most
from cordsnet.report import measured
from cordsnet.report.effects.latency import with_interval
from cordsnet.report.numbers import show_estimate, show_number
from cordsnet.report.page import show_cell

LEFT = 0.9 - 0.8 - 0.1  # -2.8e-17


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-6.66e-18, "0"),
        (LEFT, "0"),
        (-0.0, "0"),
        (2e-15, "2e-15"),
        (5.57e-08, "5.57e-08"),
        (0.00012345, "0.000123"),
        (-0.25, "-0.25"),
        (999.7, "1000"),
        (1234.5, "1234"),
        (-54321.0, "-54,321"),
        (2.5e7, "2.5e+07"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_a_number_is_shown_without_rounding_and_without_needless_exponents(value, shown):
    assert show_number(value) == shown


def test_a_mean_that_is_rounding_beside_its_interval_is_zero():
    assert show_estimate(1e-14, (-0.1, 0.1)) == "0 [-0.1, 0.1]"
    assert show_estimate(1e-14, (5e-15, 2e-14)) == "1e-14 [5e-15, 2e-14]"


def test_claims_and_tables_show_a_difference_of_shares_that_is_rounding_as_zero():
    claim = Claim("drop", "Nothing is lost.", "reviewer", "share", at_most(0.1))
    assert measured(claim.found(Measured(LEFT, (LEFT, 1250.0), 20))) == "0 [0, 1250], n = 20 images"
    assert measured(claim.found(Measured(LEFT))) == "0"
    assert with_interval({"drop": LEFT, "low": LEFT, "high": 0.5}, "drop") == "0 [0, 0.5]"
    assert show_cell(LEFT) == "0"
    assert show_cell(12345.6) == "12,346"
