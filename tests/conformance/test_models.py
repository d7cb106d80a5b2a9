"""Every row of the table of models passes every check; a new row is checked with no edit here."""

from functools import cache

import pytest

import cordsnet
from cordsnet.models import MODELS
from cordsnet.testing import CHECKS, Subject

pytestmark = pytest.mark.usefixtures("as_users_run_it")


@cache
def tiny(name):
    return cordsnet.create_model(name, **MODELS[name].tiny)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("name", MODELS)
def test_the_model_passes(name, check):
    CHECKS[check](Subject(tiny(name)))


@pytest.mark.parametrize("name", MODELS)
def test_the_row_says_where_the_model_comes_from(name):
    row = MODELS[name]
    assert row.source
    assert row.clock
    assert row.name == name
    assert type(row.spec).from_dict(row.spec.to_dict()) == row.spec
