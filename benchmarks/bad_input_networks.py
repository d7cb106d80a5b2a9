"""Good calls of the public functions and classes for networks, protocols and solvers, and uses of their results."""

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import cordsnet as c
from cordsnet import dynamics, models, training

SIDE, CLASSES = 8, 3
POINT = c.StemSpec(2, 3, 1, 1, 1)


def spec() -> c.NetworkSpec:
    """Return a network of two small areas."""
    areas = (c.AreaSpec("area1", 2), c.AreaSpec("area2", 2, stride=2))
    ways = (c.ConnectionSpec("stem", "area1"), c.ConnectionSpec("area1", "area2"))
    return c.NetworkSpec("tiny", POINT, areas, ways, ("area2",), 1, (SIDE, SIDE), CLASSES)


def model() -> Any:
    """Return that network with fixed random weights."""
    return models.build(spec(), 0)


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return normal numbers of that shape."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def images(n: int = 2) -> Tensor:
    """Return images [n, 1, SIDE, SIDE]."""
    return draw(n, 1, SIDE, SIDE, dtype=torch.float32)


def shown(ms: float = 8.0) -> c.Protocol:
    """Return a short protocol."""
    return c.show(images(), ms)


def kernel() -> Tensor:
    """Return a convolution kernel."""
    return draw(2, 2, 3, 3) / 8


def saved() -> Path:
    """Return the folder of a saved model."""
    return c.save_model(model(), "saved")


def simulated(**changes: Any) -> Any:
    """Return a short simulation with some arguments given."""
    return c.simulate(model(), changes.pop("protocol", None) or shown(), **changes)


GOOD: dict[str, Callable[[], dict[str, Any]]] = {
    "CNN": lambda: {"spec": spec()},
    "CordsNet": lambda: {"spec": spec(), "activation": c.Activation()},
    "Activation": lambda: {"name": "prelu", "slope": 0.1},
    "AreaSpec": lambda: {"name": "area1", "channels": 2, "tau_ms": 10.0},
    "Clock": lambda: {"dt_ms": 2.0, "kind": "continuous"},
    "ConnectionSpec": lambda: {"source": "stem", "target": "area1", "kernel": 3},
    "HookedModel": lambda: {"model": model(), "at_ms": 4.0, "ms": 8.0, "areas": ("area1",)},
    "UnrolledModel": lambda: {"model": model(), "ms": 8.0, "areas": ("area1",)},
    "to_torch_module": lambda: {"model": model(), "ms": 8.0, "areas": ("area1",)},
    "export_step": lambda: {"model": model(), "batch": 2, "step": 0},
    "arrival_steps": lambda: {"model": model(), "steps": 8, "seed": 0},
    "Intervention": lambda: {"kind": "inject", "target": "area1", "value": 0.5, "units": [0], "to_ms": 6.0},
    "Lesion": lambda: {"target": "area1", "fraction": 0.5},
    "NetworkSpec": lambda: {n: getattr(spec(), n) for n in inspect.signature(c.NetworkSpec).parameters},
    "Precision": lambda: {"compute": "bfloat16"},
    "Protocol": lambda: {"segments": shown().segments},
    "Record": lambda: {"areas": ("area1",), "every_ms": 4.0, "window_ms": (2.0, 8.0)},
    "Signal": lambda: {"area": "area1", "shape": (2, 8, 8)},
    "State": lambda: {"values": dict(model().initial_state(2).values)},
    "StemSpec": lambda: {"channels": 2},
    "blank": lambda: {"ms": 8.0},
    "clamp": lambda: {"area": "area1", "value": 0.5},
    "create_model": lambda: {"name": "cordsnet_r2_small", "num_classes": 3, "image_size": 16, "width": 8},
    "fold": lambda: {"cnn": models.build(spec(), 0, c.CNN)},
    "give": lambda: {"name": "image", "values": images(), "ms": 8.0},
    "inject": lambda: {"area": "area1", "current": 0.5},
    "lesion": lambda: {"model": model(), "target": "area1", "fraction": 0.5},
    "list_models": lambda: {"pattern": "*"},
    "load_model": lambda: {"folder": saved()},
    "movie": lambda: {"frames": images().expand(3, 2, 1, SIDE, SIDE), "frame_ms": 4.0},
    "save_model": lambda: {"model": model(), "folder": "kept", "metadata": {"a": 1}},
    "scale": lambda: {"pathway": "area1 -> area2", "factor": 0.5},
    "show": lambda: {"images": images(), "ms": 8.0},
    "show_at": lambda: {"images": images(), "onset_ms": [0.0, 2.0], "ms": 4.0, "total_ms": 8.0},
    "silence": lambda: {"target": "area1"},
    "simulate": lambda: {"model": model(), "protocol": shown(), "record": ("area1",), "seed": 0},
    "spontaneous_state": lambda: {"model": model(), "ms": 8.0},
    "steady_state": lambda: {"model": model(), "images": images()},
    "with_noise": lambda: {"protocol": shown(), "sigma": 0.1, "every_ms": 2.0},
    "ConvMap": lambda: {"weight": kernel()},
    "DenseMap": lambda: {"weight": draw(3, 3)},
    "Enlarge": lambda: {"size": (8, 8)},
    "Unflatten": lambda: {"shape": (2, 8, 8)},
    "Gradient": lambda: {"rule": "implicit", "unsettled": "accept"},
    "LowRankMap": lambda: {"weight": draw(2, 3, 1)},
    "Masked": lambda: {"inner": dynamics.DenseMap(draw(3, 3)), "factor": torch.ones(3, dtype=torch.float64)},
    "Pathway": lambda: {"source": "a", "target": "b", "map": dynamics.DenseMap(draw(3, 3))},
    "Solver": dict,
    "anderson": lambda: {"f": lambda x: 0.5 * x + 1, "start": draw(3, 4), "tol": 1e-6},
    "broyden": lambda: {"f": lambda x: 0.5 * x + 1, "start": draw(3, 4), "tol": 1e-6},
    "fixed_point_iteration": lambda: {"f": lambda x: 0.5 * x + 1, "start": draw(3, 4), "tol": 1e-6},
    "as_precision": lambda: {"precision": "bfloat16"},
    "channels_last": lambda: {"value": images()},
    "convolve": lambda: {"value": draw(2, 2, 8, 8), "weight": kernel()},
    "expansion_penalty": lambda: {"f": lambda x: 0.5 * x, "value": draw(3, 4)},
    "last_state": lambda: {
        "system": model().system(),
        "holds": [dynamics.Hold(3, {"image": images()})],
        "state": model().system().begin(2),
    },
    "Preprocessing": lambda: {"size": (8, 8), "mean": (0.5,), "std": (0.5,), "classes": ("a", "b")},
    "build": lambda: {"spec": spec(), "seed": 0},
    "cordsnet_spec": lambda: {"name": "x", "depth": 2, "stem": POINT, "image_size": 16},
    "layout": lambda: {"spec": spec()},
    "published_names": lambda: {"spec": models.MODELS["cordsnet_r2_small"].spec},
    "published_state_dict": lambda: {"model": c.create_model("cordsnet_r2_small")},
    "read_metadata": lambda: {"folder": saved()},
    "Event": lambda: {"kind": "onset", "input": "images", "time_ms": 4.0},
}

USE: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(
        ("blank", "give", "movie", "show", "show_at", "Protocol", "with_noise"), lambda p: simulated(protocol=p)
    ),
    **dict.fromkeys(("clamp", "inject", "scale", "silence", "Intervention"), lambda i: simulated(interventions=i)),
    "Record": lambda r: simulated(record=r),
    "Precision": lambda p: simulated(precision=p),
    "State": lambda s: simulated(initial_state=s),
    "AreaSpec": lambda s: dataclasses.replace(spec(), areas=(s, spec().areas[1])),
    "ConnectionSpec": lambda s: dataclasses.replace(spec(), connections=(s, spec().connections[1])),
    "StemSpec": lambda s: dataclasses.replace(spec(), stem=s),
    "Activation": lambda f: c.CordsNet(spec(), f)(images(), ms=8.0),
    "CordsNet": lambda m: m(images(), ms=8.0),
    "CNN": lambda m: m(images()),
    "create_model": lambda m: m.spec,
    "Solver": lambda s: c.steady_state(model(), images(), solver=s),
    "Gradient": lambda g: training.compare_gradients(model(), images(), torch.tensor([0, 1]), ms=8.0, gradients=[g]),
}
