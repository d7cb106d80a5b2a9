"""Writing to disk so that nothing is ever half there."""

import os
from pathlib import Path

from cordsnet.errors import RunError


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, even if the machine stops meanwhile."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")  # two processes may write the same file
    with open(part, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, path)


def writable_folder(path: str | Path) -> Path:
    """`path` as an existing folder that can be written to. Raises RunError, saying why, when it cannot be."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink(missing_ok=True)  # another process may have been faster
    except OSError as error:
        raise RunError(
            f"output folder {folder} cannot be written to ({error.strerror or error}); choose another with --output"
        ) from error
    return folder
