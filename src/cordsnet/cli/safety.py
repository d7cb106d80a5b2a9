"""Words of the command line, and the files that they name, are values: they import nothing and stay small."""

import os
import re
import stat
from collections.abc import Sequence
from typing import Any

from jsonargparse import get_loader, set_loader, set_parsing_settings

LONGEST_WORD = 100_000
"""Longest word, characters."""

LARGEST_FILE = 2**20
"""Largest file of settings, bytes."""

DEEPEST = 30
"""Deepest nesting of lists and tables."""

CLASS = re.compile(r"\bclass_path\b")

_load_yaml = get_loader("yaml")


def keep_to_values() -> None:
    """Set up the parser of options so that no value is taken for the name of code, and files of settings are bounded.

    By itself it imports whatever a value names, to see whether it is a class of the type that an option takes.
    """
    import yaml

    set_parsing_settings(
        instantiate_subclass_spec_in_any=False, import_path_denylist=["*"], import_path_allowlist=["cordsnet"]
    )
    set_loader("yaml", load_bounded, (yaml.YAMLError, ValueError))


def load_bounded(text: str) -> Any:
    """Read a value written as YAML. Raises ValueError for one that is too large, refers to itself or names a class."""
    import yaml

    if len(text) > LARGEST_FILE:
        raise ValueError(f"a file of settings has {len(text):,} characters; at most {LARGEST_FILE:,} are read")
    _check_value(text, "a value")
    if "*" in text and "&" in text and any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text)):
        raise ValueError("aliases (*name) are not read in settings; write each value in full")
    return _load_yaml(text)


def check_words(words: Sequence[str]) -> None:
    """Raise ValueError, before they are parsed, for words that are too long or deep, name a class, or name a device."""
    for word in words:
        shown = word if len(word) <= 40 else word[:40] + "..."
        if len(word) > LONGEST_WORD:
            raise ValueError(f"option {shown!r} has {len(word):,} characters; at most {LONGEST_WORD:,} are read")
        if "\x00" in word:
            raise ValueError(f"option {shown!r} holds a null character")
        _check_value(word, f"option {shown!r}")
        value = word.partition("=")[2] if word.startswith("--") else word
        if len(value) < 4096 and os.path.exists(value):
            mode = os.stat(value).st_mode
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise ValueError(f"option {shown!r} names a device or pipe; give a file or a folder")


def _check_value(text: str, what: str) -> None:
    if CLASS.search(text):
        raise ValueError(f"{what} names a class (class_path); options are values, and import no code")
    depth = deepest = 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    if deepest > DEEPEST:
        raise ValueError(f"{what} is nested {deepest:,} deep; at most {DEEPEST} levels are read")
