"""The checks of every annotation while tests run: `fast_jaxtyped` takes the place of `jaxtyping.jaxtyped`.

jaxtyping's import hook decorates each function of the package. Its own decorator binds the arguments of every call in
Python, checks them twice, and generates code anew whenever an inner function is defined: that was three quarters of the
time of many tests. Here the same type checker wraps the function itself, and inner functions share the code of their
checks. `test_shape_checks.py` holds for both.
"""

import dataclasses
import functools
import inspect
import sys
import threading
import types
import typing
from collections.abc import Hashable

import jaxtyping
import torch
from beartype import BeartypeConf, beartype
from jaxtyping import AbstractArray, TypeCheckError

# an int passes where a float is asked
checked = beartype(conf=BeartypeConf(is_pep484_tower=True, violation_type=TypeCheckError))
library_jaxtyped = jaxtyping.jaxtyped
_shared_checks = {}  # of inner functions, by code and annotations
_waiting = threading.local()


def fast_jaxtyped(target=None, *, typechecker):
    """Decorate a function or a dataclass as `jaxtyping.jaxtyped` does; what is unusual is left to that."""
    if target is None:
        return functools.partial(fast_jaxtyped, typechecker=typechecker)
    if inspect.isclass(target):
        if dataclasses.is_dataclass(target) and target.__init__.__globals__ is not globals():  # not checked already
            target.__init__ = fast_jaxtyped(target.__init__, typechecker=typechecker)
        return target
    if not isinstance(target, types.FunctionType) or inspect.isgeneratorfunction(target):
        return library_jaxtyped(target, typechecker=typechecker)
    return (_untraced() if "torch._dynamo" in sys.modules else _of_function)(target, typechecker)


@functools.cache
def _untraced():
    """`_of_function` for inner functions of what is compiled: torch cannot trace how checks are made."""
    return torch.compiler.disable(_of_function)


def _of_function(target, typechecker):
    annotations = {name: _resolved(hint, target.__globals__) for name, hint in target.__annotations__.items()}
    leaves = [leaf for hint in annotations.values() for leaf in _leaves(hint)]
    shapes = [leaf for leaf in leaves if inspect.isclass(leaf) and issubclass(leaf, AbstractArray)]
    if any("{" in shape.dim_str for shape in shapes):  # sizes computed from arguments, which have to be bound for it
        return library_jaxtyped(target, typechecker=typechecker)
    return _wrapped(target, _checks_of(_annotated(target, annotations)), bool(shapes))


def _resolved(hint, scope):
    """An annotation with the names in quotes looked up. Anything passes for one not defined by now, as in jaxtyping."""
    holder = types.SimpleNamespace(__annotations__={"hint": hint})
    try:
        return typing.get_type_hints(holder, scope, include_extras=True)["hint"]
    except (AttributeError, NameError, TypeError):
        return typing.Any


def _leaves(hint):
    """The types inside an annotation: `list[Float[Tensor, "n"]] | None` holds two."""
    if typing.get_origin(hint) is typing.Literal:
        return [hint]
    parts = hint if isinstance(hint, list) else typing.get_args(hint)  # Callable has a list of its arguments
    return [leaf for part in parts for leaf in _leaves(part)] if parts else [hint]


def _annotated(function, annotations):
    """A copy of `function` with these annotations; its own are read by the package, and stay."""
    copy = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    functools.update_wrapper(copy, function)
    del copy.__wrapped__
    copy.__kwdefaults__ = function.__kwdefaults__
    copy.__annotations__ = annotations
    return copy


def _wrapped(function, checks, with_shapes):
    """`function` behind its checks, which `jaxtyping_disable` turns off; sizes must agree within one call."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        __tracebackhide__ = True
        if jaxtyping.config.jaxtyping_disable:
            return function(*args, **kwargs)
        if not with_shapes:
            return checks(*args, **kwargs)
        with library_jaxtyped("context"):
            return checks(*args, **kwargs)

    return wrapper


def _checks_of(function):
    """`function` behind the type checker. An inner function is defined often, and its checks are generated once."""
    inner = "<locals>" in function.__qualname__ and not function.__defaults__ and not function.__kwdefaults__
    if not inner or not all(isinstance(hint, Hashable) for hint in function.__annotations__.values()):
        return checked(function)
    key = (function.__code__, tuple(function.__annotations__.items()))
    if key not in _shared_checks:

        @functools.wraps(function)
        def next_one(*args, **kwargs):
            return _waiting.functions.pop()(*args, **kwargs)

        _shared_checks[key] = checked(next_one)
    checks = _shared_checks[key]

    def shared(*args, **kwargs):
        waiting = _waiting.__dict__.setdefault("functions", [])
        depth = len(waiting)
        waiting.append(function)
        try:
            return checks(*args, **kwargs)
        finally:
            del waiting[depth:]  # it still waits where an argument was refused

    return shared
