"""Lessons: settings of the data that hold in the training of one stage alone."""

import json
from collections.abc import Mapping
from typing import Any

from cordsnet.errors import RunError
from cordsnet.training.sources import Source, Teachable


def plain_lesson(lesson: Mapping[str, Any]) -> dict[str, Any]:
    """A lesson as JSON gives it back. Raises ValueError for what JSON cannot hold."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(lesson), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"lesson must have finite numbers, texts and lists or mappings of them ({error})") from error
    if wrong := [name for name in lesson if not isinstance(name, str)]:
        raise ValueError(f"lesson must map names of settings to values, got the name {wrong[0]!r}")
    return plain


def taught(source: Source, lesson: Mapping[str, Any], stage: str) -> Source:
    """The data with the settings of a lesson; as they are without one.

    Raises RunError, naming the stage, for settings that a lesson cannot change, and for data without settings.
    """
    if not lesson:
        return source
    if not isinstance(source, Teachable):
        raise RunError(
            f"stage {stage!r} has a lesson, and data {source.name!r} have no settings that it could change; "
            "leave lesson out, or train on trials of a task"
        )
    try:
        return source.taught(lesson)
    except (ValueError, TypeError) as error:
        raise RunError(f"lesson of stage {stage!r}: {error}") from error
