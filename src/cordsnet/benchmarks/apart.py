"""A function called in a process of its own, with a limit of time; whatever goes wrong there becomes one sentence."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from cordsnet._processes import check_main_guard, check_temporary_folder

T = TypeVar("T")

FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""Errors that are handed on as a sentence; others end the process, which is then what is said."""
LONGEST = 300
"""Characters of a sentence."""


def call_apart(function: Callable[..., T], *arguments: Any, limit_s: float) -> T:
    """Call a function of a module in a new process, and return what it returns.

    The process is forked from one that has imported the function's module and done nothing else, where the system has
    such, so that its memory does not depend on what this process did before.

    Parameters
    ----------
    function : named at the top of a module.
    arguments : of the function; they and the result must be possible to pickle.
    limit_s : seconds after which the process is ended.

    Raises
    ------
    RuntimeError : the function failed, or the process ended or took too long; in one sentence.
    """
    check_main_guard("measuring in other processes")
    check_temporary_folder()
    forked = "forkserver" in multiprocessing.get_all_start_methods()
    context: Any = multiprocessing.get_context("forkserver" if forked else "spawn")
    if forked:
        context.set_forkserver_preload([__name__, function.__module__])
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, function, arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        if not ours.poll(limit_s):
            raise RuntimeError(f"took longer than {limit_s:g} s")
        worked, found = ours.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"its process ended with exit code {process.exitcode}") from None
    finally:
        process.kill()
        process.join()
        ours.close()
    if not worked:
        raise RuntimeError(found)
    return found  # type: ignore[no-any-return]


def _answer(pipe: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Send whether a call worked, and its result or what went wrong."""
    try:
        pipe.send((True, function(*arguments)))
    except FAILURES as error:
        said = " ".join(str(error).split())[:LONGEST]
        pipe.send((False, f"{type(error).__name__}: {said}" if said else type(error).__name__))
