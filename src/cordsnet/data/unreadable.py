"""Images that cannot be read: which, why, and how many are left out before a data set is refused."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from cordsnet._arguments import check_arguments, check_init
from cordsnet._checks import is_int, is_number
from cordsnet.errors import DataError, DataWarning

NAMED = 5
"""Number of unreadable images that are named in an error or a warning; all are in `Split.unreadable`."""


@check_init
@dataclass(frozen=True)
class Unreadable:
    """An image that cannot be read.

    Attributes
    ----------
    file : its path within the data set, or the row of the table that holds it.
    reason : reason why it cannot be read.
    """

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file} ({self.reason})"


@dataclass(frozen=True)
class Tolerance:
    """Number of images of a split that may be unreadable; they are left out, and named in a `DataWarning`.

    Attributes
    ----------
    count : number that is left out of any split, unless they are all of it.
    share : or this proportion of a split, where it is more.
    """

    count: int = 1
    share: float = 1e-3

    def __post_init__(self) -> None:
        if not is_int(self.count, 0):
            raise DataError(f"max_unreadable must be a whole number of images, 0 or more, got {self.count!r}")
        if not (is_number(self.share) and 0 <= self.share < 1):
            raise DataError(f"max_unreadable_share must be from 0 to below 1, got {self.share!r}")

    def allows(self, unreadable: int, total: int) -> bool:
        """True if a split of `total` images may be used without `unreadable` of them."""
        return unreadable <= max(self.count, self.share * total) and unreadable < max(total, 1)


DEFAULT_TOLERANCE = Tolerance()


@check_arguments
def check_unreadable(
    unreadable: Sequence[Unreadable], total: int, name: str, tolerance: Tolerance = DEFAULT_TOLERANCE
) -> None:
    """Raise DataError, naming the first, when too many of the `total` images of a data set are unreadable."""
    if unreadable and not tolerance.allows(len(unreadable), total):
        raise DataError(
            f"{len(unreadable)} of {total} images of data set {name} cannot be read, more than "
            f"{100 * tolerance.share:g} % and more than {tolerance.count}: {first_of(unreadable)}; repair or remove "
            "them, or allow more with max_unreadable (--reading.max_unreadable {len(unreadable)} on the command line)"
        )


@check_arguments
def warn_unreadable(unreadable: Sequence[Unreadable], total: int, name: str) -> None:
    """Give a DataWarning that names the first of the images that are left out."""
    if unreadable:
        warnings.warn(
            f"{len(unreadable)} of {total} images of data set {name} cannot be read and are left out: "
            f"{first_of(unreadable)}",
            DataWarning,
            stacklevel=3,
        )


def first_of(items: Sequence[object]) -> str:
    """The first `NAMED` items, and how many more there are."""
    more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return ", ".join(map(str, items[:NAMED])) + more
