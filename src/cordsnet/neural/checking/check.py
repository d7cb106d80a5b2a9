"""The check of a recording or of its file."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from cordsnet._arguments import check_arguments
from cordsnet.errors import DataError
from cordsnet.neural.checking.axes import look_at_axes, look_at_bins, look_at_repeats
from cordsnet.neural.checking.findings import LEVELS, Check, Finding
from cordsnet.neural.checking.names import listed_images, look_at_labels, look_at_order
from cordsnet.neural.checking.understood import understood
from cordsnet.neural.checking.values import look_at_copies, look_at_neurons, look_at_unit
from cordsnet.neural.reading.read import read_recording
from cordsnet.neural.recording import Recording

LOOKS: tuple[Callable[[Recording], Iterator[Finding]], ...] = (
    look_at_axes,
    look_at_repeats,
    look_at_bins,
    look_at_unit,
    look_at_neurons,
    look_at_copies,
    look_at_labels,
)
"""Looks at a recording, each of which yields findings."""


@check_arguments
def check_recording(
    recording: Recording | str | Path,
    *,
    images: Sequence[str] | str | Path | None = None,
    format: str | None = None,  # noqa: A002
    **options: Any,
) -> Check:
    """Say what a recording holds and what looks wrong in it.

    Parameters
    ----------
    recording : a recording, or the path of a file or folder, which is read as `read_recording` does.
    images : names of the images in order, to compare with those of the recording: a list, a text file with one a line,
        or a folder or zip file of pictures, whose names are sorted. The endings of picture files do not matter.
    format, options : as in `read_recording`; only for a path.

    Returns
    -------
    The check. A file that cannot be read is an error among its findings, and no exception.
    """
    if isinstance(recording, Recording):
        if options or format is not None:
            given = ", ".join(options) or "format"
            raise DataError(f"{given} must not be given with a recording that is read already; give a path or leave it")
        return _look(recording, images)
    try:
        found = read_recording(recording, format=format, **options)
    except DataError as error:
        return Check(None, (), (Finding("error", str(recording), str(error)),))
    return _look(found, images)


def _look(recording: Recording, images: Sequence[str] | str | Path | None) -> Check:
    findings = [finding for look in LOOKS for finding in look(recording)]
    if images is not None:
        findings.extend(look_at_order(recording, listed_images(images)))
    worst_first = sorted(findings, key=lambda finding: list(LEVELS).index(finding.level))
    return Check(recording, understood(recording), tuple(worst_first))
