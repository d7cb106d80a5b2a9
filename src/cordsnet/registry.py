"""Name -> factory. Unknown names are answered with the nearest known ones."""

import difflib
import fnmatch
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class Registry(Generic[Entry]):
    """A table of named entries of one kind, such as models or recipes."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}

    def add(self, name: str, entry: Entry) -> Entry:
        """Enter `entry` under `name`. Raises ValueError when the name is taken."""
        if name in self._entries:
            raise ValueError(f"{self.kind} {name!r} is registered already; choose another name")
        self._entries[name] = entry
        return entry

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """Decorator form of `add`."""
        return lambda entry: self.add(name, entry)

    def __getitem__(self, name: str) -> Entry:
        if name in self._entries:
            return self._entries[name]
        near = difflib.get_close_matches(str(name), self._entries, n=3, cutoff=0.5)
        offer = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {', '.join(self.names())}"
        raise ValueError(f"unknown {self.kind} {name!r}; {offer}")

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def names(self, pattern: str = "*") -> list[str]:
        """Sorted names that match a shell pattern such as `cordsnet_*`."""
        return sorted(fnmatch.filter(self._entries, pattern))
