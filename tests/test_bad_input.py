"""What callers get wrong: one sentence that names the argument, what came, and what would do."""

import numpy as np
import pytest
import torch

import cordsnet
from cordsnet import CNN, Record, State, blank, create_model, movie, show, simulate, spontaneous_state
from cordsnet.dynamics import ENGINES, STEPPERS
from cordsnet.errors import ArgumentError
from cordsnet.models import build
from oracles import CASCADE, random_images, randomised

pytestmark = pytest.mark.usefixtures("as_users_run_it")

GOOD = random_images(CASCADE)  # [2, 1, 5, 5]


def filled(value, place=3):
    images = GOOD.clone()
    images.view(-1)[place] = value
    return images


def float32():
    return randomised(CASCADE).float()


# images -> exception, the argument's name, what came, what would do
IMAGES = {
    "channels": (GOOD.expand(2, 3, 5, 5), ValueError, "3", "1 channel"),
    "size": (torch.zeros(2, 1, 6, 5, dtype=torch.float64), ValueError, "6 x 5", "5 x 5"),
    "integers": (torch.zeros(2, 1, 5, 5, dtype=torch.uint8), TypeError, "uint8", ".float()"),
    "NaN": (filled(float("nan")), ValueError, "NaN", "clean"),
    "infinite": (filled(-float("inf"), -1), ValueError, "infinite", "clean"),
    "empty": (GOOD[:0], ValueError, "[0, 1, 5, 5]", "at least one"),
    "array": (GOOD.numpy(), TypeError, "ndarray", "torch tensor"),
    "list": ([[1.0]], TypeError, "list", "torch tensor"),
    "one image": (GOOD[0], ValueError, "[1, 5, 5]", "[B, C, H, W]"),
    "movie": (GOOD[None], ValueError, "[1, 2, 1, 5, 5]", "[B, C, H, W]"),
    "precision": (GOOD.float(), TypeError, "float32", "float64"),
    "half": (GOOD.half(), TypeError, "float16", "float64"),
}
# every way in which images reach a model
WAYS = {
    "simulate": lambda images: simulate(randomised(CASCADE), blank(4) + show(images, 4)),
    "forward": lambda images: randomised(CASCADE)(images),
    "step": lambda images: randomised(CASCADE).step(randomised(CASCADE).initial_state(2), images),
    "cnn": lambda images: build(CASCADE, kind=CNN).double()(images),
}


def one_sentence(caught, *parts):
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 300
    for part in parts:
        assert part in message
    assert type(caught.value) in (ValueError, TypeError, ArgumentError)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", IMAGES)
def test_images_that_a_model_cannot_read_are_refused(case, way):
    images, error, came, remedy = IMAGES[case]
    with pytest.raises(error) as caught:
        WAYS[way](images)
    one_sentence(caught, "images", came, remedy)


def test_good_images_are_accepted_every_way():
    assert all(WAYS[way](GOOD) is not None for way in WAYS)


def run(**arguments):
    protocol = arguments.pop("protocol", show(GOOD, 20))
    return simulate(randomised(CASCADE), protocol, **arguments)


def other_network():
    return State({"area7": torch.zeros(2, 4, 3, 3, dtype=torch.float64)})


def other_shape():
    return State({"area1": torch.zeros(2, 2, 5, 5).double(), "area2": torch.zeros(2, 9, 5, 5).double()})


def other_precision():
    return randomised(CASCADE).float().initial_state(2)


def three_trials():
    return randomised(CASCADE).initial_state(3)


# a call -> the argument's name, what came, what would do
CALLS = {
    "model": (lambda: create_model("cordsnet_r3"), "model", "cordsnet_r3", "did you mean"),
    "model argument": (lambda: create_model("cordsnet_r2_small", depth=3), "depth", "create_model", "num_classes"),
    "model size": (lambda: create_model("cordsnet_r2_small", image_size="big"), "image_size", "big", "whole number"),
    "model classes": (lambda: create_model("cordsnet_r2_small", num_classes=0), "num_classes", "0", "at least 1"),
    "model width": (lambda: create_model("cordsnet_r2_small", width=-1), "width", "-1", "multiple"),
    "area in record": (lambda: run(record=["area11"]), "record", "area11", "did you mean 'area1'"),
    "area in Record": (lambda: run(record=Record("lgn")), "record", "lgn", "known: area1, area1.drive"),
    "reduction": (lambda: run(record=Record("all", reduce="means")), "reduction", "means", "did you mean 'mean'"),
    "engine": (lambda: run(engine="time_mayor"), "engine", "time_mayor", "did you mean 'time_major'"),
    "stepper": (lambda: run(stepper="oiler"), "stepper", "oiler", "euler"),
    "initial_state": (lambda: run(initial_state="rest"), "initial_state", "rest", "'spontaneous', 'zero' or a State"),
    "initial_state number": (lambda: run(initial_state=0), "initial_state", "0", "a State"),
    "state of others": (lambda: run(initial_state=other_network()), "initial_state", "area7", "area1"),
    "state of other shape": (lambda: run(initial_state=other_shape()), "initial_state", "[9, 5, 5]", "[3, 5, 5]"),
    "state precision": (lambda: run(initial_state=other_precision()), "initial_state", "float32", "float64"),
    "state of three": (lambda: run(initial_state=three_trials()), "initial_state", "3 trials", "one trial"),
    "nothing shown": (lambda: run(protocol=blank(0)), "protocol", "0 ms", "add"),
    "no duration": (lambda: run(protocol=show(GOOD, 0)), "protocol", "0 ms", "add"),
    "no protocol": (lambda: run(protocol=GOOD), "protocol", "Tensor", "show("),
    "dt zero": (lambda: run(dt=0), "dt", "0", "above 0"),
    "dt negative": (lambda: run(dt=-2.0), "dt", "-2.0", "above 0"),
    "dt not a number": (lambda: run(dt=float("nan")), "dt", "nan", "finite"),
    "dt infinite": (lambda: run(dt=float("inf")), "dt", "inf", "finite"),
    "dt in words": (lambda: run(dt="2 ms"), "dt", "2 ms", "number"),
    "dt too coarse": (lambda: run(dt=20.0), "dt", "20 ms", "below 20 ms"),
    "dt and duration": (lambda: run(dt=3.0), "duration of show", "20 ms", "21 ms"),
    "time after the end": (lambda: run(record=Record(times_ms=(4, 22))), "times_ms", "22 ms", "from 2 to 20 ms"),
    "time zero": (lambda: run(record=Record(times_ms=(0,))), "times_ms", "0 ms", "from 2 to 20 ms"),
    "time negative": (lambda: run(record=Record(times_ms=(-2,))), "times_ms", "-2 ms", "0 ms or more"),
    "time between": (lambda: run(record=Record(times_ms=(5,))), "times_ms", "5 ms", "use 4 ms"),
    "spacing": (lambda: run(record=Record(every_ms=0)), "every_ms", "0", "at least one step"),
    "spacing between": (lambda: run(record=Record(every_ms=3)), "every_ms", "3 ms", "use 4 ms"),
    "window": (lambda: run(record=Record(window_ms=(10, 40))), "window_ms", "(10, 40)", "20 ms"),
    "window turned": (lambda: run(record=Record(window_ms=(10, 4))), "window_ms", "(10, 4)", "start < stop"),
    "spontaneous": (lambda: spontaneous_state(randomised(CASCADE), ms=-2), "duration", "-2", "0 ms or more"),
    "forward for no time": (lambda: randomised(CASCADE)(GOOD, ms=0), "ms", "0", "at least one step"),
    "forward between": (lambda: randomised(CASCADE)(GOOD, ms=5), "ms", "5", "use 4 ms"),
    "forward backwards": (lambda: randomised(CASCADE)(GOOD, ms=-2), "ms", "-2", "0"),
    "no trials": (lambda: randomised(CASCADE).initial_state(0), "batch", "0", "at least 1"),
    "fewer trials": (lambda: randomised(CASCADE).initial_state(-1), "batch", "-1", "at least 1"),
    "step dt": (lambda: float32().step(float32().initial_state(1), None, dt=0.0), "dt", "0.0", "above 0"),
    "step trials": (lambda: randomised(CASCADE).step(three_trials(), GOOD), "state", "3 trials", "2"),
    "movie frames": (lambda: run(protocol=movie(GOOD[None].int(), 20)), "images", "int32", ".float()"),
    "movie size": (lambda: run(protocol=movie(GOOD[None, :, :, 1:], 20)), "images", "4 x 5", "5 x 5"),
    "movie of arrays": (lambda: movie(np.zeros((1, 2, 1, 5, 5)), 20), "frames", "ndarray", "torch tensor"),
}


@pytest.mark.parametrize("case", CALLS)
def test_arguments_that_will_not_do_are_refused(case):
    call, argument, came, remedy = CALLS[case]
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    one_sentence(caught, argument, came, remedy)


@pytest.mark.parametrize("number", [np.int64(2), np.float32(2), np.float64(2), 2])
def test_numbers_of_any_kind_are_numbers(number):
    traj = run(dt=number, record=Record(times_ms=np.array([4, 8])))
    assert traj.time_ms.tolist() == [4.0, 8.0]


@pytest.mark.parametrize("table", [ENGINES, STEPPERS], ids=lambda table: table.kind)
def test_every_row_of_a_table_is_found_under_its_name(table):
    assert all(table[name] is not None for name in table.names())


def test_an_attribute_that_the_package_lacks_is_named():
    with pytest.raises(AttributeError, match="module 'cordsnet' has no attribute 'simulte'"):
        cordsnet.simulte  # noqa: B018
