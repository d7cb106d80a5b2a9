"""Packages whose names are imported when they are first asked for (PEP 562), so that commands answer at once."""

import ast
import importlib
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any


def import_on_demand(package: str) -> None:
    """Import the names of a package when they are first asked for.

    The names are those that its `__init__.py` imports below `if TYPE_CHECKING:`, where type checkers and editors read
    them too. A submodule is also imported when it is asked for by its name.

    Parameters
    ----------
    package : `__name__` of the package, which calls this at the end of its `__init__.py`.
    """
    module = sys.modules[package]
    module.__dict__["_places"] = _places(Path(str(module.__file__)))
    module.__class__ = _LazyPackage


class _LazyPackage(ModuleType):
    """A package that imports a name when it is first asked for."""

    _places: dict[str, tuple[str, str]]

    def __getattr__(self, name: str) -> Any:
        if name in self._places:
            place, attribute = self._places[name]
            found = getattr(importlib.import_module(place), attribute)
            self.__dict__[name] = found
            return found
        inside = f"{self.__name__}.{name}"
        if name.startswith("__") or inside in sys.modules or find_spec(inside) is None:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return importlib.import_module(inside)

    def __setattr__(self, name: str, value: Any) -> None:
        """Keep a function such as `simulate` in front of the submodule of that name."""
        if not (name in self._places and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*self.__dict__, *self._places})


def _places(path: Path) -> dict[str, tuple[str, str]]:
    """Name -> module and attribute, as imported below `if TYPE_CHECKING:`."""
    blocks = [
        node.body
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    return {
        alias.asname or alias.name: (str(node.module), alias.name)
        for block in blocks
        for node in block
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
