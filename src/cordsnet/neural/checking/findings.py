"""Findings on a recording."""

from dataclasses import dataclass

from cordsnet._arguments import check_init
from cordsnet.errors import DataError
from cordsnet.neural.recording import Recording

LEVELS = {
    "error": "the recording cannot be read, or is not of what it is said to be",
    "warning": "something is likely to be wrong, and results would be",
    "note": "something to know when results are read",
}
"""Level of a finding -> its meaning, worst first."""


@check_init
@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes
    ----------
    level : a row of `LEVELS`.
    where : the file, images, neurons or bins that it is about.
    sentence : the finding, in one sentence.
    """

    level: str
    where: str
    sentence: str

    def __post_init__(self) -> None:
        if self.level not in LEVELS:
            raise DataError(f"level must be one of {', '.join(LEVELS)}, got {self.level!r}")


@dataclass(frozen=True, eq=False)
class Check:
    """Result of a check.

    Attributes
    ----------
    recording : the recording; None where it could not be read.
    understood : sentences on what the recording holds.
    findings : the findings, worst first.
    """

    recording: Recording | None
    understood: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """True if there is no error."""
        return all(finding.level != "error" for finding in self.findings)
