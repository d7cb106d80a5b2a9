"""Progress of long computations, told to a listener, such as the command line, which draws a bar.

Nobody listens by default, so that functions called from Python print nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

Listener: TypeAlias = Callable[[str, int, int, str], None]
"""(what is done, how many parts are done, of how many, what a part is)."""

_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have `listener` called within this context with every word of progress."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def tell_progress(what: str, done: int, total: int, unit: str = "images") -> None:
    """Tell the listener, if there is one, that `done` of `total` parts are done; first with 0, last with `total`."""
    listener = _LISTENER.get()
    if listener is not None:
        listener(what, done, total, unit)
