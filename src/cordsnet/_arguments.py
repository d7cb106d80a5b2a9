"""Arguments checked by their annotations: a number, a text, a tensor or an object of the package where one is due."""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from numbers import Number, Real
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
from torch import Tensor

P = ParamSpec("P")
R = TypeVar("R")

ACCEPTED: dict[type, tuple[tuple[type, ...], str]] = {
    int: ((Real,), "a whole number"),
    float: ((Real,), "a number"),
    complex: ((Number,), "a number"),
    bool: ((bool, np.bool_), "True or False"),
    str: ((str,), "a text"),
    Path: ((Path,), "a path"),
    Tensor: ((Tensor,), "a torch tensor"),
    np.ndarray: ((np.ndarray,), "an array"),
    type(None): ((type(None),), "None"),
}
"""Annotation -> classes that are accepted for it, and how it is called in messages."""

GENERIC: dict[Any, tuple[tuple[type, ...], str]] = {
    Callable: ((Callable,), "a function"),  # type: ignore[dict-item]
    Mapping: ((Mapping,), "a mapping"),
    dict: ((Mapping,), "a mapping"),
    Iterable: ((Iterable,), "a sequence"),
    Sequence: ((Collection, np.ndarray, Tensor), "a sequence"),
    tuple: ((Collection, np.ndarray, Tensor), "a sequence"),
    list: ((Collection, np.ndarray, Tensor), "a sequence"),
}
"""The same for annotations with parts, which are not checked themselves."""


def check_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Refuse arguments of another type than the annotation says, by name; sizes and signs are left to the function.

    Numbers of NumPy, and arrays and tensors without axes, count as numbers. Elements of sequences, and annotations
    without a row here, are not checked. The decorated function raises TypeError.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        rules = _rules(function)
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            if name in rules and not _fits(value, rules[name][0]):
                raise TypeError(f"{name} must be {rules[name][1]}, got {type(value).__name__}")
        return function(*args, **kwargs)

    return checked


def check_init(kind: type[R]) -> type[R]:
    """Check the arguments of a class when it is made, a dataclass included, as `check_arguments` does."""
    setattr(kind, "__init__", check_arguments(kind.__init__))  # noqa: B010 - a method is replaced
    return kind


@functools.cache
def _rules(function: Any) -> dict[str, tuple[tuple[type, ...], str]]:
    """Argument -> classes that are accepted, and their names; without those whose annotation is of another kind."""
    found = {}
    for name, hint in typing.get_type_hints(function).items():
        leaves = typing.get_args(hint) if isinstance(hint, types.UnionType) or _is_union(hint) else (hint,)
        rows = [_row(leaf) for leaf in leaves]
        if name != "return" and all(rows):
            classes = tuple(kind for row in rows if row for kind in row[0])
            found[name] = classes, " or ".join(dict.fromkeys(row[1] for row in rows if row))
    return found


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.Union


def _row(leaf: Any) -> tuple[tuple[type, ...], str] | None:
    """Classes for one annotation; None where it is not checked."""
    leaf = getattr(leaf, "array_type", leaf)  # of annotations of jaxtyping
    if leaf in ACCEPTED:
        return ACCEPTED[leaf]
    if typing.get_origin(leaf) in GENERIC:
        return GENERIC[typing.get_origin(leaf)]
    if isinstance(leaf, type) and leaf.__module__.startswith("cordsnet.") and not getattr(leaf, "_is_protocol", False):
        return (leaf,), f"a {leaf.__name__}"
    return None


def _fits(value: object, classes: tuple[type, ...]) -> bool:
    """True if a value is of these classes, or a number in an array or tensor without axes where a number is due."""
    if isinstance(value, classes):
        return True
    number = Real in classes or Number in classes
    return number and isinstance(value, np.ndarray | Tensor) and value.ndim == 0 and value.dtype != object
