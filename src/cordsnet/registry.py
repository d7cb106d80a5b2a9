"""Tables of named entries, such as models or recipes. An unknown name is answered with the nearest known ones."""

import difflib
import fnmatch
import importlib
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Entry = TypeVar("Entry")


class Registry(Generic[Entry]):
    """A table of named entries of one kind, such as models or recipes.

    An entry is either an object (`add`, `register`) or the place where that object is defined (`add_lazy`), which is
    imported when the entry is first asked for.

    Parameters
    ----------
    kind : word for one entry, used in error messages, such as "model".
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry] = {}
        self._targets: dict[str, str] = {}  # entries not imported yet: name -> "package.module:attribute"

    def add(self, name: str, entry: Entry, module: str = "") -> Entry:
        """Add `entry` under `name` and return it. Raises ValueError when the name is taken.

        A lazy entry may be added again by the module that defines it, whose name is then given as `module`.
        """
        if module and name not in self._entries and self._targets.get(name, "").partition(":")[0] == module:
            return entry
        self._check_free(name)
        self._entries[name] = entry
        return entry

    def add_lazy(self, name: str, target: str) -> None:
        """Add an entry that is imported when it is first asked for.

        Parameters
        ----------
        name : name of the entry.
        target : place of the entry's definition, as "package.module:attribute".

        Raises
        ------
        ValueError : the name is taken, or `target` is not of that form. A target that does not exist is found out
            when the entry is asked for, which then raises ImportError (ModuleNotFoundError where a module is missing).
        """
        self._check_free(name)
        module, _, attribute = target.partition(":")
        if not all(part.isidentifier() for part in (*module.split("."), *attribute.split("."))):
            raise ValueError(f"target of {self.kind} {name!r} must be 'package.module:attribute', got {target!r}")
        self._targets[name] = target

    def register(self, name: str) -> Callable[[Entry], Entry]:
        """Decorator form of `add`."""
        return lambda entry: self.add(name, entry, getattr(entry, "__module__", ""))

    def __getitem__(self, name: str) -> Entry:
        if name in self._targets and name not in self._entries:
            self._entries[name] = self._imported(name)
        self.check(name)
        return self._entries[name]

    def check(self, name: str) -> None:
        """Raise ValueError, with the nearest names, unless there is an entry of that name. Imports nothing."""
        if name in self:
            return
        near = difflib.get_close_matches(str(name), self.names(), n=3, cutoff=0.5)
        offer = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {', '.join(self.names())}"
        raise ValueError(f"unknown {self.kind} {name!r}; {offer}")

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._targets

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def names(self, pattern: str = "*") -> list[str]:
        """Sorted names that match a shell pattern such as `cordsnet_*`. Imports nothing."""
        return sorted(fnmatch.filter({*self._entries, *self._targets}, pattern))

    def _check_free(self, name: str) -> None:
        if name in self:
            raise ValueError(f"{self.kind} {name!r} is registered already; choose another name")

    def _imported(self, name: str) -> Entry:
        module, _, attributes = self._targets[name].partition(":")
        try:
            found = importlib.import_module(module)
            for attribute in attributes.split("."):
                found = getattr(found, attribute)
        except (ImportError, AttributeError) as error:
            kind = ModuleNotFoundError if isinstance(error, ModuleNotFoundError) else ImportError
            raise kind(
                f"{self.kind} {name!r} cannot be imported from {self._targets[name]!r} ({error}); "
                "correct that path, or install what it needs"
            ) from error
        entry: Entry = found  # type: ignore[assignment]
        return entry
