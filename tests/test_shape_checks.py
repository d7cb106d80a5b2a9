"""The checks of annotations that run beside every other test."""

import sys
import textwrap
import threading

import pytest
import torch
from jaxtyping import TypeCheckError, install_import_hook

SOURCE = """
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from jaxtyping import Float
from torch import Tensor

Square = Float[Tensor, "n n"]


def scale(x: float, by: int = 2) -> float:
    return x * by


def lies(x: int) -> str:
    return x


def several(*values: int, **named: str) -> int:
    return len(values) + len(named)


def choose(how: Literal["a", "b"], then: Callable[[Square], Square] | None = None) -> str:
    return how


def product(a: Float[Tensor, "n m"], b: Float[Tensor, "m k"]) -> Float[Tensor, "n k"]:
    return a @ b


def wrong_shape(a: Float[Tensor, "n m"]) -> Float[Tensor, "m n"]:
    return a


def total(parts: list[Square] | None) -> float:
    return 0.0 if parts is None else float(sum(part.sum() for part in parts))


def repeated(n: int, a: Float[Tensor, "m"]) -> Float[Tensor, "{n} m"]:
    return a.expand(3, -1)


def adder(k: int) -> Callable[[int], int]:
    def add(x: int) -> int:
        return x + k if k else "none"

    return add


def tree(depth: int) -> int:
    def below(x: int) -> int:
        return x + tree(depth - 1) if depth else x

    return below(1)


@contextlib.contextmanager
def opened(x: int) -> Iterator[int]:
    yield x


@dataclass(frozen=True)
class Pair:
    a: Float[Tensor, "n"]
    b: Float[Tensor, "n"]

    @property
    def wrong(self) -> int:
        return "no int"

    @classmethod
    def of(cls, n: int) -> "Pair":
        return cls(cls.zeros(n), cls.zeros(n))

    @staticmethod
    def zeros(n: int) -> Float[Tensor, "n"]:
        import torch

        return torch.zeros(n)

    def add(self, other: "Pair") -> "Pair":
        return Pair(self.a + other.a, self.b + other.b)


class Triple(Pair):
    def third(self, x: int) -> int:
        return x


def late(pair: "Pair", unknown: "Unknown") -> int:
    return len(pair.a)
"""


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A module with functions of every kind, imported as the package is."""
    path = tmp_path_factory.mktemp("sample")
    (path / "checked_sample.py").write_text(textwrap.dedent(SOURCE))
    sys.path.insert(0, str(path))
    with install_import_hook("checked_sample", "shape_checks.checked"):
        import checked_sample
    sys.path.remove(str(path))
    return checked_sample


def ones(*shape):
    return torch.ones(shape)


GOOD = {
    "a number": lambda s: s.scale(1.5, by=3) == 4.5,
    "an int where a float is asked": lambda s: s.scale(1) == 2,
    "arguments without number": lambda s: s.several(1, 2, a="b") == 3,
    "one of some words": lambda s: s.choose("b") == "b",
    "sizes that agree": lambda s: s.product(ones(2, 3), ones(3, 4)).shape == (2, 4),
    "other sizes in the next call": lambda s: s.product(ones(5, 1), ones(1, 4)).shape == (5, 4),
    "a list of shapes": lambda s: s.total([ones(2, 2), ones(2, 2)]) == 8,
    "nothing": lambda s: s.total(None) == 0,
    "a size from an argument": lambda s: s.repeated(3, ones(2)).shape == (3, 2),
    "inner functions of the same code": lambda s: [f(1) for f in [s.adder(k) for k in (1, 2, 3)]] == [2, 3, 4],
    "inner functions inside one another": lambda s: s.tree(4) == 5,
    "a context": lambda s: s.opened(1).__enter__() == 1,
    "a dataclass": lambda s: len(s.Pair(ones(3), ones(3)).a) == 3,
    "methods of all kinds": lambda s: len(s.Pair.of(3).add(s.Pair.of(3)).a) == 3,
    "a subclass": lambda s: s.Triple(ones(3), ones(3)).third(2) == 2,
    "a name that is not defined": lambda s: s.late(s.Pair.of(2), "anything") == 2,
}
BAD = {
    "an argument": lambda s: s.scale("1"),
    "a named argument": lambda s: s.scale(1.0, by=0.5),
    "an answer": lambda s: s.lies(1),
    "an argument without number": lambda s: s.several(1, "2"),
    "a named argument without number": lambda s: s.several(a=1),
    "another word": lambda s: s.choose("c"),
    "dimensions": lambda s: s.product(ones(2), ones(3, 4)),
    "sizes that differ": lambda s: s.product(ones(2, 3), ones(4, 4)),
    "the type of numbers": lambda s: s.product(ones(2, 3).long(), ones(3, 4)),
    "the shape of an answer": lambda s: s.wrong_shape(ones(2, 3)),
    "a shape in a list": lambda s: s.total([ones(2, 3)]),
    "sizes in a list": lambda s: s.total([ones(2, 3), ones(2, 3)]),
    "a size from an argument": lambda s: s.repeated(4, ones(2)),
    "an argument of an inner function": lambda s: s.adder(1)("2"),
    "an answer of an inner function": lambda s: s.adder(0)(1),
    "an argument of a context": lambda s: s.opened("1"),
    "fields of a dataclass that differ": lambda s: s.Pair(ones(2), ones(3)),
    "fields of a subclass that differ": lambda s: s.Triple(ones(2), ones(3)),
    "a field of a dataclass": lambda s: s.Pair(1, ones(3)),
    "a property": lambda s: s.Pair.of(2).wrong,
    "a class method": lambda s: s.Pair.of("2"),
    "a static method": lambda s: s.Pair.zeros(2.5),
    "a method": lambda s: s.Triple.of(2).third("3"),
    "a name in quotes": lambda s: s.late(3, "anything"),
}


@pytest.mark.parametrize("kind", GOOD)
def test_what_is_right_passes(sample, kind):
    assert GOOD[kind](sample)


@pytest.mark.parametrize("kind", BAD)
def test_what_is_wrong_is_refused(sample, kind):
    with pytest.raises(TypeCheckError):
        BAD[kind](sample)


@pytest.mark.usefixtures("as_users_run_it")
def test_checks_can_be_turned_off(sample):
    assert sample.lies(1) == 1
    assert sample.adder(0)(1) == "none"
    assert sample.Pair(ones(2), ones(3)).wrong == "no int"


def test_refusals_leave_inner_functions_as_they_were(sample):
    first, second = sample.adder(1), sample.adder(2)
    with pytest.raises(TypeCheckError):
        first("1")
    assert second(1) == 3


def test_inner_functions_in_threads_are_not_mixed_up(sample):
    wrong = []

    def run(k):
        add = sample.adder(k)
        wrong.extend(n for n in range(200) if add(n) != n + k)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_package_is_checked():
    from cordsnet.dynamics.state import State, flush

    with pytest.raises(TypeCheckError):
        flush("values")
    assert State.__init__.__globals__["__name__"] == "shape_checks"
