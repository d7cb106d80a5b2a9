"""Atomic writes: a file is never left half written."""

import os
from pathlib import Path

from cordsnet.errors import RunError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically: `path` holds all of `content` or is unchanged, even if the machine stops meanwhile."""
    part = path.with_name(
        f".{path.name}.{os.getpid()}.part"
    )  # with the process id, because two processes may write the same file
    with open(part, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, path)


def writable_folder(path: str | Path) -> Path:
    """Create the folder `path` if it does not exist, and check that files can be written to it.

    Raises RunError with the reason when they cannot.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)  # missing if another process has removed it
    except OSError as error:
        raise RunError(
            f"output folder {folder} cannot be written to ({error.strerror or error}); choose another with --output"
        ) from error
    return folder
