"""The result of a stage, `result.json`: written with checksums, and read with a look at them."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cordsnet._files import digest, read_json, write_whole
from cordsnet.errors import RunError

RESULT = "result.json"
WEIGHTS = "model.safetensors"
CHECKSUM = "checksum"


def write_result(folder: Path, content: Mapping[str, Any]) -> None:
    """Write `folder / result.json` with the SHA-256 of the stage's weights and of the content itself."""
    whole = {**content, "weights": digest(folder / WEIGHTS)}
    write_whole(folder / RESULT, json.dumps(sealed(whole), indent=1).encode())


def read_result(folder: Path) -> dict[str, Any] | None:
    """Read the result of a stage; None where there is none.

    Raises RunError, saying how to go on, when the file is damaged, or when its numbers or the stage's weights were
    changed after the stage had ended.
    """
    path, again = folder / RESULT, f"restart the stage (--restart {folder.name})"
    if not path.is_file():
        return None
    try:
        written = read_json(path)
    except RunError as error:
        raise RunError(f"{error}; {again}") from error
    if not isinstance(written, dict):
        raise RunError(f"{path} is damaged (a {type(written).__name__} in place of a table); {again}")
    if missing := [name for name in ("stage", "fingerprint", "metrics", "seconds") if name not in written]:
        raise RunError(f"{path} is damaged (no {missing[0]!r}); {again}")
    if not is_sealed(written):
        raise RunError(f"{path} was changed after the stage had ended, so its numbers are not those measured; {again}")
    if "weights" in written:
        weights = folder / WEIGHTS
        if not weights.is_file():
            raise RunError(f"{weights} is gone, though the stage had ended; {again}")
        if digest(weights) != written["weights"]:
            raise RunError(f"{weights} was changed after the stage had ended; bring the old file back, or {again}")
    return written


def sealed(content: Mapping[str, Any]) -> dict[str, Any]:
    """The content with a checksum of itself."""
    return {**content, CHECKSUM: _checksum(content)}


def is_sealed(content: Mapping[str, Any]) -> bool:
    """True unless the content has a checksum that does not match it; files of earlier versions have none."""
    return CHECKSUM not in content or content[CHECKSUM] == _checksum(content)


def _checksum(content: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in content.items() if name != CHECKSUM}
    return hashlib.sha256(json.dumps(json.loads(json.dumps(rest)), sort_keys=True).encode()).hexdigest()
