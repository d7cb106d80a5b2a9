"""Every row of the table of models passes every check; a new row is checked with no edit here."""

from functools import cache

import pytest

import cordsnet
from cordsnet.models import MODELS
from cordsnet.testing import CHECKS, Subject
from cordsnet.testing.rows import outermost, representatives

pytestmark = pytest.mark.usefixtures("as_users_run_it")

OF_A_KIND = {MODELS[name].kind: name for name in sorted(MODELS, key=lambda name: name.endswith("_small"))}
"""Kind -> one of its rows, a small one where there is one: fewer areas are traced. Compiling takes ten times as long as
all other checks and depends on the kind alone."""

DIFFERENT = sorted(set(representatives(list(MODELS)).values()))
"""Rows whose small versions differ by more than their names."""

ENDS = set(outermost(DIFFERENT))
EXPENSIVE = ("pathways_can_be_scaled", "regimes_are_found_or_refused")
"""Checks that take a third of the time of all. They are left out for rows between the ends of a family."""

CASES = [
    (name, check)
    for name in DIFFERENT
    for check in CHECKS
    if check != "compiled_is_the_same" and (name in ENDS or check not in EXPENSIVE)
]


@cache
def tiny(name):
    return cordsnet.create_model(name, **MODELS[name].tiny)


@pytest.mark.parametrize(("name", "check"), CASES)
def test_the_model_passes(name, check):
    CHECKS[check](Subject(tiny(name)))


def test_only_rows_between_the_ends_of_a_family_are_left_out():
    left_out = set(DIFFERENT) - ENDS
    assert {MODELS[name].kind for name in left_out} == {"cnn", "cords_attention", "cordsnet", "dtcnn"}
    for name in left_out:
        assert 2 < len(MODELS[name].spec.areas) < 9
        assert any(MODELS[other].kind == MODELS[name].kind for other in ENDS)


@pytest.mark.parametrize("kind", OF_A_KIND)
def test_a_model_of_the_kind_can_be_compiled(kind):
    CHECKS["compiled_is_the_same"](Subject(tiny(OF_A_KIND[kind])))


@pytest.mark.parametrize("name", list(MODELS))
def test_the_row_says_where_the_model_comes_from(name):
    row = MODELS[name]
    assert row.source
    assert row.clock
    assert row.name == name
    assert type(row.spec).from_dict(row.spec.to_dict()) == row.spec
