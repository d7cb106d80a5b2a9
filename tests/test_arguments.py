"""Arguments are refused by name where they are of another type than their annotation says."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import pytest
import torch
from jaxtyping import Float
from torch import Tensor

from cordsnet._arguments import check_arguments, check_init
from cordsnet.dynamics import Activation
from cordsnet.errors import ArgumentError

Bounded = TypeVar("Bounded", bound=Activation)


@check_arguments
def call(
    whole: int = 0,
    number: float = 0.0,
    complex_: complex = 0j,
    flag: bool = False,
    text: str = "",
    path: str | Path = "",
    tensor: Tensor | None = None,
    images: Float[Tensor, "batch channel"] | None = None,
    array: np.ndarray | None = None,
    wholes: Sequence[int] = (),
    pair: tuple[float, float] = (0.0, 1.0),
    names: Sequence[str] | str = (),
    units: Sequence[int] | Tensor | None = None,
    rows: Sequence[Sequence[int]] = (),
    table: Mapping[str, int] | None = None,
    function: Callable[[], None] | None = None,
    choice: Literal["a", "b"] = "a",
    dtype: torch.dtype = torch.float32,
    own: Activation | None = None,
    bound: Bounded | None = None,  # type: ignore[assignment, type-var]
    anything: object = None,
    *others: int,
    **settings: int,
):
    """Return nothing."""


ACCEPTED = {
    "whole": [3, -1, np.int64(3), np.array(3), torch.tensor(3)],
    "number": [3, 2.5, math.inf, np.float32(1), np.int64(1), torch.tensor(2.0), np.array(2.0)],
    "complex_": [1j, 2, 2.5, torch.tensor(1j)],
    "flag": [True, np.bool_(False)],
    "text": ["a"],
    "path": ["a", Path("a")],
    "tensor": [torch.zeros(2), torch.zeros(()), None],
    "images": [torch.zeros(2, 2), torch.zeros(2, dtype=torch.int64)],
    "array": [np.zeros(2), np.array(["a"])],
    "wholes": [[1, 2], (1,), range(3), np.array([1, 2]), torch.tensor([1]), [np.int64(1)], {1: 2}.keys()],
    "pair": [(0, 1), [0.5, 1], np.zeros(2), torch.zeros(2)],
    "names": ["a", ["a", "b"], ()],
    "units": [[1], torch.tensor([True]), torch.zeros(2, 2)],
    "rows": [[[1, 2]], np.zeros((2, 2), int), [np.zeros(2, int)]],
    "table": [{"a": 1}, {}],
    "function": [print, dict],
    "choice": ["a", "c"],  # which texts are known is the function's to say, with the nearest one
    "dtype": [torch.float64],
    "own": [Activation(), None],
    "bound": [Activation()],
    "anything": [1, "a", object()],
}

NOTHING = [object(), 1j, {"a": 1}, b"a"]
REFUSED = {
    "whole": [True, np.bool_(True), 2.5, 2.0, "1", None, math.nan, [1], np.zeros(1), torch.tensor(2.5), *NOTHING],
    "number": [True, "1", None, math.nan, np.float32("nan"), torch.tensor(math.nan), 10**400, [1.0], *NOTHING],
    "complex_": [True, "1", None, complex(math.nan, 0), [1j], object()],
    "flag": [1, 0, "yes", None, *NOTHING],
    "text": [1, None, ["a"], Path("a"), *NOTHING],
    "path": [1, None, ["a"], *NOTHING],
    "tensor": [[1.0], np.zeros(2), 1.0, "a", *NOTHING],
    "images": [[[1.0]], np.zeros((2, 2)), *NOTHING],
    "array": [[1.0], torch.zeros(2), np.array([None]), *NOTHING],
    "wholes": [
        *("ab", 1, {1}, [1.5], [None], ["a"], [math.nan], [True]),
        *(np.zeros((), int), np.zeros(2), np.zeros((2, 2), int), *NOTHING),
    ],
    "pair": ["ab", (0, None), ["0", "1"], torch.tensor([1j]), np.array(["a"]), 1.0, *NOTHING],
    "names": [1, [1], [None], np.zeros(2), *NOTHING],
    "units": ["a", [1.5], [None], 1, *NOTHING],
    "rows": [[1], np.zeros(2), np.zeros(()), *NOTHING],
    "table": [[("a", 1)], "a", 1, object(), 1j],
    "function": [1, "a", [], *NOTHING],
    "choice": [1, None, ["a"], *NOTHING],
    "dtype": ["float32", float, None, *NOTHING],
    "own": ["relu", Activation, *NOTHING],
    "bound": ["relu", Activation, *NOTHING],
}


def in_words(value):
    """The same text in every process."""
    return "object" if type(value) is object else f"{value!r:.40}"


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in ACCEPTED.items() for v in values], ids=in_words)
def test_what_fits_passes(name, value):
    call(**{name: value})


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in REFUSED.items() for v in values], ids=in_words)
def test_what_does_not_fit_is_refused_in_one_sentence_that_names_it(name, value):
    with pytest.raises(ArgumentError, match=rf"^{name} must be .*, got ") as caught:
        call(**{name: value})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, ValueError)


def test_further_arguments_are_checked_one_by_one():
    every = (0, 0.0, 0j, False, "", "", None, None, None, ())
    rest = ((0.0, 1.0), (), None, (), None, None, "a", torch.float32, None, None, None)
    call(*every, *rest, 1, 2, other=3)
    with pytest.raises(ArgumentError, match="others must be a whole number at each place, got 'a' at place 1"):
        call(*every, *rest, 1, "a")


def test_messages_show_numbers_and_texts_and_name_other_types():
    with pytest.raises(ArgumentError, match=r"^whole must be a whole number, got 2\.5$"):
        call(2.5)
    with pytest.raises(ArgumentError, match=r"^units must be a sequence or a torch tensor or None, got 'a'$"):
        call(units="a")
    with pytest.raises(ArgumentError, match=r"^choice must be one of 'a', 'b', got 1$"):
        call(choice=1)
    with pytest.raises(ArgumentError, match=r"^whole must be a whole number, got list$"):
        call([1])


def test_dataclasses_and_classes_are_checked_when_they_are_made():
    @check_init
    @dataclasses.dataclass(frozen=True)
    class Settings:
        count: int
        share: float = 0.5

    assert Settings(3) == Settings(3, 0.5)
    with pytest.raises(ArgumentError, match="count must be a whole number, got 'many'"):
        Settings("many")
    with pytest.raises(ArgumentError, match="share must be a number, got None"):
        dataclasses.replace(Settings(3), share=None)


def test_a_wrong_number_of_arguments_is_the_error_of_python():
    with pytest.raises(TypeError, match=r"unexpected keyword|required") as caught:
        check_arguments(lambda given: None)()
    assert not isinstance(caught.value, ArgumentError)
