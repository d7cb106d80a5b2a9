"""Checks before worker processes are started, so that nothing starts itself again or waits for ever."""

import multiprocessing
import os
import sys
import tempfile

from cordsnet.errors import RunError

LONGEST_SOCKET = 103 if sys.platform == "darwin" else 107
"""Longest path of a socket that the system allows, characters."""

SOCKET = "pymp-12345678/listener-12345678"
"""Path of a socket of `multiprocessing` below the folder of temporary files, as an example of its length."""

GUARD = "if __name__ == '__main__':"


def check_main_guard(what: str) -> None:
    """Raise RunError in a process that is only reading the main script again, which worker processes do by "spawn".

    Parameters
    ----------
    what : what the script does outside `if __name__ == "__main__":`.
    """
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise RunError(f"{what} would start itself again in every worker process; put it under `{GUARD}`")


def check_temporary_folder(folder: str | None = None, socket: str = SOCKET) -> None:
    """Raise RunError when there is no folder of temporary files, or sockets in it would have too long a path.

    Worker processes would then fail to hand over what they read, and the run would wait for ever.

    Parameters
    ----------
    folder : the folder; None is that of Python.
    socket : path of a socket below it.
    """
    try:
        folder = folder or tempfile.gettempdir()
    except FileNotFoundError as error:
        raise RunError(
            "worker processes need a folder of temporary files, and none can be written to; set TMPDIR to one"
        ) from error
    if hasattr(os, "fork") and len(os.fsencode(os.path.join(folder, socket))) > LONGEST_SOCKET:
        raise RunError(
            f"the folder of temporary files has a path of {len(folder)} characters, too long for worker processes "
            f"({folder[:60]}...); set TMPDIR to a shorter one, such as /tmp"
        )


def lost_worker(error: BaseException) -> str:
    """One sentence on a worker process that ended by itself."""
    said = " ".join(str(error).split())[:200]
    return (
        f"a process that decodes images ended ({said}); put what the script does under `{GUARD}`, look for a lack of "
        "memory, or set CORDSNET_WORKERS=0 to decode in the main process"
    )
