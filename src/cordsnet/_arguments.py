"""Arguments checked by their annotations: a number, a text, a tensor or an object of the package where one is due."""

import functools
import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from numbers import Integral, Number, Real
from pathlib import Path
from typing import Any, ParamSpec, TypeAlias, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from cordsnet._checks import is_number
from cordsnet.errors import ArgumentError

P = ParamSpec("P")
R = TypeVar("R")

Rule: TypeAlias = tuple[tuple[type, ...], str]
"""Classes that are accepted, and how they are called in messages."""

ACCEPTED: dict[Any, Rule] = {
    int: ((Integral,), "a whole number"),
    float: ((Real,), "a number"),
    complex: ((Number,), "a number"),
    bool: ((bool, np.bool_), "True or False"),
    str: ((str,), "a text"),
    Path: ((Path,), "a Path"),
    Tensor: ((Tensor,), "a torch tensor"),
    np.ndarray: ((np.ndarray,), "an array"),
    nn.Module: ((nn.Module,), "a torch module"),
    torch.dtype: ((torch.dtype,), "a torch.dtype"),
    torch.device: ((torch.device,), "a torch.device"),
    type(None): ((type(None),), "None"),
}
"""Annotation -> rule."""

GENERIC: dict[Any, Rule] = {
    Callable: ((Callable,), "a function"),  # type: ignore[dict-item]
    type: ((type,), "a class"),
    Mapping: ((Mapping,), "a mapping"),
    dict: ((Mapping,), "a mapping"),
    Iterable: ((Iterable,), "a sequence"),
    **dict.fromkeys((Sequence, tuple, list), ((Collection,), "a sequence")),
}
"""The same for annotations with parts."""

SEQUENCES = (Sequence, tuple, list)

CHECKED_ELEMENTS = 1000
"""Elements of a list or tuple that are checked; longer ones hold data, and the function looks at them."""


def check_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Refuse arguments of another type than the annotation says, by name; sizes and signs are left to the function.

    Numbers of NumPy, and arrays and tensors without axes, count as numbers; True, False and NaN do not. Annotations
    without a row here are not checked. The decorated function raises ArgumentError.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*args: P.args, **kwargs: P.kwargs) -> R:
        rules = _rules(function)
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            if name in rules:
                _check(value, name, *rules[name])
        return function(*args, **kwargs)

    return checked


def check_init(kind: type[R]) -> type[R]:
    """Check the arguments of a class when it is made, a dataclass included, as `check_arguments` does."""
    setattr(kind, "__init__", check_arguments(kind.__init__))  # noqa: B010 - a method is replaced
    return kind


def _check(value: object, name: str, rule: Rule, elements: Rule | None) -> None:
    classes, called = rule
    if not _fits(value, classes):
        raise ArgumentError(f"{name} must be {_due(called, value)}, got {_text(value)}")
    if elements is not None and isinstance(value, np.ndarray | Tensor) and not {np.ndarray, Tensor} & set(classes):
        _check_array(value, name, elements)
    if elements is not None and isinstance(value, list | tuple) and len(value) <= CHECKED_ELEMENTS:
        for place, element in enumerate(value):
            if not _fits(element, elements[0]):
                given = f"{_text(element)} at place {place}"
                raise ArgumentError(f"{name} must be {_due(elements[1], element)} at each place, got {given}")


def _check_array(value: np.ndarray | Tensor, name: str, elements: Rule) -> None:
    """Refuse an array where a sequence of other things than its numbers is due; rows of an array are sequences."""
    example = np.zeros((), value.dtype) if isinstance(value, np.ndarray) else torch.zeros((), dtype=value.dtype)
    due = Collection in elements[0] if value.ndim > 1 else value.ndim == 1 and _fits(example.item(), elements[0])
    if not due:
        given = f"an array of {value.dtype} of shape {list(value.shape)}"
        raise ArgumentError(f"{name} must be {elements[1]} at each place, got {given}")


@functools.cache
def _rules(function: Any) -> dict[str, tuple[Rule, Rule | None]]:
    """Argument -> its rule and that of its elements; without those whose annotation is of another kind."""
    found = {}
    for name, hint in typing.get_type_hints(function).items():
        leaves = _leaves(hint)
        rule = _rule(leaves)
        if name != "return" and rule is not None:
            inner = [leaf for leaf in leaves if typing.get_origin(leaf) in SEQUENCES]
            parts = [part for leaf in inner for part in typing.get_args(leaf) if part is not Ellipsis]
            found[name] = rule, _rule([leaf for part in parts for leaf in _leaves(part)]) if parts else None
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL and name in found:
            found[name] = GENERIC[tuple], found[name][0]  # its annotation is that of each of them
        elif parameter.kind is parameter.VAR_KEYWORD:
            found.pop(name, None)
    return found


def _leaves(hint: Any) -> tuple[Any, ...]:
    """Annotations that a union is made of."""
    union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    return typing.get_args(hint) if union else (hint,)


def _rule(leaves: Collection[Any]) -> Rule | None:
    """Rule of a union of annotations; None where one of them is not checked."""
    rows = [_row(leaf) for leaf in leaves]
    if not all(rows):
        return None
    classes = tuple(kind for row in rows if row for kind in row[0])
    return classes, " or ".join(dict.fromkeys(row[1] for row in rows if row))


def _row(leaf: Any) -> Rule | None:
    """Rule of one annotation; None where it is not checked."""
    leaf = getattr(leaf, "array_type", leaf)  # of annotations of jaxtyping
    plain = np.ndarray if typing.get_origin(leaf) is np.ndarray else leaf
    if plain in ACCEPTED:
        return ACCEPTED[plain]
    if typing.get_origin(leaf) is typing.Literal:
        kinds = tuple(dict.fromkeys(type(choice) for choice in typing.get_args(leaf)))
        return kinds, "one of " + ", ".join(repr(choice) for choice in typing.get_args(leaf))
    if typing.get_origin(leaf) in GENERIC:
        return GENERIC[typing.get_origin(leaf)]
    kind = typing.get_origin(leaf) or (leaf.__bound__ if isinstance(leaf, TypeVar) else leaf)
    if not isinstance(kind, type) or getattr(kind, "_is_protocol", False):  # the functions say what a model must have
        return None
    return ((kind,), f"a {kind.__name__}") if kind.__module__.startswith("cordsnet.") else None


def _fits(value: object, classes: tuple[type, ...]) -> bool:
    """True if a value is of these classes; NaN, numbers that no float can hold and arrays of objects never are."""
    if {Integral, Real, Number} & set(classes) and isinstance(value, np.ndarray | Tensor) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool | np.bool_):
        return bool in classes
    if isinstance(value, Number):
        return isinstance(value, classes) and bool(value == value) and is_number(abs(value))  # type: ignore[arg-type]
    if Collection in classes and isinstance(value, str | bytes | Mapping | set | frozenset):  # these have no order
        classes = tuple(kind for kind in classes if kind is not Collection)
    if isinstance(value, np.ndarray | Tensor) and not {np.ndarray, Tensor} & set(classes) and value.ndim == 0:
        return False  # a single number, where a sequence is due
    return isinstance(value, classes) and not (isinstance(value, np.ndarray) and value.dtype == object)


def _due(called: str, value: object) -> str:
    """Say what a message asks for: a finite number in place of NaN, unless whole numbers are due."""
    return "a finite number" if isinstance(value, Number) and value != value and "whole" not in called else called


def _text(value: object) -> str:
    """Show a value in a message: numbers and texts as they are, everything else by its type."""
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype}"
    plain = isinstance(value, Number | str) or value is None
    return f"{value!r:.60}" if plain else type(value).__name__
