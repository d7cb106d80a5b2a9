"""Shared by all tests."""

import jaxtyping
import pytest
import torch

import shape_checks

jaxtyping.jaxtyped = shape_checks.fast_jaxtyped  # read by jaxtyping's import hook, before the package is imported

torch.set_num_threads(1)  # tests run one process per core; more threads than cores wait for one another


@pytest.fixture(autouse=True)
def _repeatable():
    torch.default_generator.manual_seed(0)  # of the CPU alone: torch.manual_seed keeps a traceback for each accelerator
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(0)


@pytest.fixture
def as_users_run_it():
    """Shape annotations off, as outside the tests: the messages are then the library's own."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
