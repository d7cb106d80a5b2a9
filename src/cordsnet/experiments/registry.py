"""The table of experiments that `cordsnet reproduce` runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from cordsnet.registry import Registry

Reproduce: TypeAlias = Callable[..., Path]
"""(scale, seeds, workers, output folder, **choices) -> path of the report; None seeds are as many as the scale has."""


@dataclass(frozen=True)
class Experiment:
    """A result of the paper as one call.

    Attributes
    ----------
    description : one line.
    choices : names of what can be chosen beyond that.
    run : trains, measures, and writes the report and, beside it, its numbers as `table.md`.
    """

    description: str
    run: Reproduce
    choices: tuple[str, ...] = ()


EXPERIMENTS: Registry[Experiment] = Registry("experiment")
"""Filled by `cordsnet.report`, since every experiment ends in a report."""
