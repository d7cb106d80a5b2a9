"""Shared by all tests."""

import jaxtyping
import pytest
import torch


@pytest.fixture(autouse=True)
def _repeatable():
    torch.manual_seed(0)


@pytest.fixture()
def as_users_run_it():
    """Shape annotations off, as outside the tests: the messages are then the library's own."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
