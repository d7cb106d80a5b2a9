"""JSON files beside a recording that say what its numbers do not."""

import difflib
from pathlib import Path
from typing import Any

from cordsnet._files import read_json
from cordsnet.errors import DataError, RunError
from cordsnet.neural.reading.parts.facts import About

FURTHER = (
    *("axes", "key", "missing", "columns"),
    *("bins_ms", "bin_ms", "from_ms", "to_ms", "onset_ms", "onset"),
    *("image", "neuron", "image_label_keys", "neuron_label_keys"),
    *("table", "keep", "series", "silent", "overlapping", "psth"),
)
"""Options of readers that a sidecar may hold, besides those in `About`."""

KEYS = (*About.__annotations__, *FURTHER)


def read_sidecar(path: Path) -> dict[str, Any]:
    """Return options for reading `path` from the JSON file of the same name beside it; none where there is none.

    Keys that begin with a capital letter, which BIDS uses for other things, are left to others.

    Raises
    ------
    DataError : the file is no JSON object, or has a key that is none of `KEYS`.
    """
    place = path.with_suffix(".json")
    if place == path or not place.is_file():
        return {}
    try:
        content = read_json(place)
    except RunError as error:
        raise DataError(f"sidecar {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"sidecar {place} must be a JSON object, got {type(content).__name__}; give keys such as axes")
    own = {name: value for name, value in content.items() if not name[:1].isupper()}
    if unknown := [name for name in own if name not in KEYS]:
        near = difflib.get_close_matches(unknown[0], KEYS, 1)
        offer = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(KEYS)}"
        raise DataError(f"sidecar {place} has an unknown key {unknown[0]!r}; {offer}")
    return own
