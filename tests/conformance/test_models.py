"""Every row of the table of models passes every check; a new row is checked with no edit here."""

from functools import cache

import pytest

import cordsnet
from cordsnet.models import MODELS
from cordsnet.testing import CHECKS, Subject
from cordsnet.testing.rows import representatives

pytestmark = pytest.mark.usefixtures("as_users_run_it")

OF_A_KIND = {MODELS[name].kind: name for name in reversed(list(MODELS))}
"""Kind -> its first row. Compiling takes ten times as long as all other checks and depends on the kind alone."""

DIFFERENT = sorted(set(representatives(list(MODELS)).values()))
"""Rows whose small versions differ by more than their names."""


@cache
def tiny(name):
    return cordsnet.create_model(name, **MODELS[name].tiny)


@pytest.mark.parametrize("check", [name for name in CHECKS if name != "compiled_is_the_same"])
@pytest.mark.parametrize("name", DIFFERENT)
def test_the_model_passes(name, check):
    CHECKS[check](Subject(tiny(name)))


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
