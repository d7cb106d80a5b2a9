"""Good calls of the public functions and classes of cordsnet, one argument of which `bad_input.py` replaces."""

import dataclasses
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bad_input_neural
import bad_input_recordings
import bad_input_tasks
import numpy as np
import torch
from torch import Tensor

import cordsnet as c
from cordsnet import analysis as a
from cordsnet import data, dynamics, experiments, models, training

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


def split(n: int = 6) -> data.Split:
    """Return images with values from 0 to 1 and their labels."""
    pixels = images(n).sigmoid()
    return data.Split(pixels, torch.arange(n) % CLASSES, normalise=None)


def vision() -> data.VisionData:
    """Return a data set of a few images."""
    return data.VisionData("few", split(), split(), ("a", "b", "c"), (0.5,), (0.5,), "none", "made here")


def op(n: int = 6) -> Any:
    """Return a stable matrix as an operator."""
    return a.MatrixOperator(draw(n, n) / 4 - torch.eye(n, dtype=torch.float64))


def cubic(x: Tensor) -> Tensor:
    """Return the flow of a double well."""
    return torch.stack([x[..., 0] - x[..., 0] ** 3, -x[..., 1]], -1)


def flow() -> Any:
    """Return a double well in two dimensions."""
    return a.FunctionFlow(cubic, (2,))


def settled() -> dict[str, Any]:
    """Return a double well, states of it, and the scales by which a witness judges them."""
    return {"flow": flow(), "states": draw(12, 2), "slow_ms": 5.0, "dt": 0.5, "size": 1.0}


def shown(ms: float = 8.0) -> c.Protocol:
    """Return a short protocol."""
    return c.show(images(), ms)


def trajectory() -> c.Trajectory:
    """Return a recorded simulation."""
    return c.simulate(model(), shown(), record="all")


def activity(seed: int = 0) -> Tensor:
    """Return activity [trials, time, units]."""
    return draw(4, 12, 5, seed=seed)


def latents(seed: int = 0) -> np.ndarray:
    """Return inferred latents [trials, time, dimensions] in an array."""
    return np.random.default_rng(seed).normal(size=(4, 6, 3))


def recipe() -> training.Recipe:
    """Return a recipe that only draws weights."""
    choice = training.ModelChoice("cordsnet_r2_small", width=8)
    return training.Recipe("small", (training.RandomInit(),), choice, "digits")


def kernel() -> Tensor:
    """Return a convolution kernel."""
    return draw(2, 2, 3, 3) / 8


def saved() -> Path:
    """Return the folder of a saved model."""
    return c.save_model(model(), "saved")


def simulated(**changes: Any) -> Any:
    """Return a short simulation with some arguments given."""
    return c.simulate(model(), changes.pop("protocol", None) or shown(), **changes)


def written() -> Path:
    """Return the folder of a result."""
    result = experiments.Result(tables={"t": ({"a": 1},)})
    experiments.write_data(result, "results")
    return Path("results")


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
    "integrated_gradients": lambda: {"model": model(), "images": images(), "target": 0, "times_ms": [4.0], "points": 2},
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
    "ConvOperator": lambda: {"kernel": kernel(), "size": (5, 6)},
    "Diagonal": lambda: {"values": draw(6)},
    "FunctionFlow": lambda: {"function": cubic, "domain": (2,)},
    "Identity": lambda: {"like": op()},
    "Inverse": lambda: {"op": op()},
    "MapFlow": lambda: {"function": torch.tanh, "domain": (2,)},
    "MatrixOperator": lambda: {"matrix": draw(6, 6)},
    "NetworkFlow": lambda: {"model": model(), "image": images(1)},
    "RateFlow": lambda: {"operator": op(), "bias": 0.1, "tau_ms": 10.0},
    "RegimeSettings": dict,
    "StepFlow": lambda: {"model": model(), "image": images(1), "step": 3},
    "bits_per_spike": lambda: {"rates": np.full((4, 2), 0.5), "spikes": np.arange(8).reshape(4, 2) % 2},
    "cca": lambda: {"x": activity(), "y": activity(1), "k": 2, "components": 3, "folds": 2},
    "certify_monostable": lambda: {"model": model(), "points": 8},
    "classify_flow": lambda: {"flow": flow(), "starts": draw(3, 2), "dt": 0.5},
    "classify_regime": lambda: {"model": model(), "images": images(), "settings": a.RegimeSettings(20.0, 2, 4)},
    "continue_fixed_point": lambda: {
        "flow_of": lambda r: a.FunctionFlow(lambda x: r * x - x**3, (1,)),
        "start": torch.ones(1, dtype=torch.float64),
        "span": (1.0, 0.5),
        "max_points": 10,
        "k": 1,
    },
    "cycle_consistency": lambda: {
        "latents_train": latents(0),
        "rates_train": np.exp(latents(1)),
        "latents_test": latents(2),
    },
    "departure_from_normality": lambda: {"op": op()},
    "dsa": lambda: {"x": activity(), "y": activity(1), "components": 3, "delays": 2, "rank": 3, "iterations": 5},
    "eigenvalues": lambda: {"op": op(), "k": 2},
    "evidence_over_time": lambda: {"scores": draw(4, 3, 2), "of": "margin"},
    "fit_chronometric": lambda: {
        "strengths": [0.1, 0.1, 0.2, 0.2],
        "correct": [1.0, 0.0, 1.0, 1.0],
        "reaction_ms": [400.0, 420.0, 350.0, 340.0],
        "draws": 0,
    },
    "fit_psychometric": lambda: {"strengths": [0.0, 0.1, 0.2], "hits": [5, 7, 9], "trials": [10, 10, 10], "draws": 0},
    "find_manifold": lambda: {"flow": flow(), "starts": draw(12, 2), "slow_ms": 5.0, "dt": 0.5, "tested": 2},
    "fixed_points": lambda: {"flow": flow(), "starts": draw(3, 2)},
    "geometry": lambda: {"points": draw(12, 3), "surrogates": 19},
    "gmres": lambda: {"op": op(), "b": draw(6)},
    "information_onset": lambda: {
        "activity": np.random.default_rng(0).normal(size=(3, 8, 2)),
        "labels": np.arange(8) % 2,
        "time_ms": np.arange(3.0),
        "consecutive": 2,
        "folds": 2,
        "penalty": 1.0,
        "permutations": 19,
        "draws": 0,
        "seed": 0,
    },
    "jacobian": lambda: {"model": model(), "image": images(1)},
    "kreiss_bound": lambda: {"op": op(), "grid": 4, "tries": 2},
    "lyapunov_spectrum": lambda: {"flow": flow(), "start": draw(2), "duration_ms": 60.0, "dt": 0.5},
    "mode_map": lambda: {"mode": draw(2, 5, 6)},
    "network_eigenvalues": lambda: {"model": model(), "image": images(1), "k": 2},
    "norm_bound": lambda: {"kernel": kernel(), "size": (5, 6), "points": 8},
    "numerical_abscissa": lambda: {"op": op()},
    "partial_svd": lambda: {"op": op(), "k": 2},
    "participation_ratio": lambda: {"activity": activity(), "bootstrap": 5},
    "periodic_singular_values": lambda: {"kernel": kernel(), "size": (5, 6)},
    "periodic_spectrum": lambda: {"kernel": kernel(), "size": (5, 6)},
    "persistent_homology": lambda: {"distances": np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))},
    "perturbation_witness": lambda: settled() | {"tested": 2},
    "principal_components": lambda: {"activity": activity(), "k": 2},
    "procrustes": lambda: {"x": activity(), "y": activity(1), "shuffles": 5, "bootstrap": 5},
    "pseudospectrum": lambda: {"op": op(), "z": [0.1 + 0.1j, 1.0]},
    "rate_r2": lambda: {"true": latents(0), "inferred": latents(1)},
    "sample_starts": lambda: {"flow": flow(), "trajectory": draw(9, 2), "count": 4},
    "settled_response": lambda: {"model": model(), "image": images(1)},
    "settling_times": lambda: {"states": draw(4, 3, 2), "times_ms": torch.arange(4.0), "share": 0.1, "stay_ms": 1.0},
    "slow_points": lambda: {"flow": flow(), "starts": draw(3, 2), "max_iterations": 20},
    "spectrum_witness": lambda: settled() | {"tested": 2},
    "state_r2": lambda: dict(
        zip(("true_train", "inferred_train", "true_test", "inferred_test"), (latents(k) for k in range(4)), strict=True)
    ),
    "targeted_axes": lambda: {
        "rates": latents(0),
        "conditions": {"motion": np.arange(6.0), "choice": np.arange(6.0) % 2},
        "components": 3,
    },
    "threshold_times": lambda: {
        "evidence": draw(4, 3),
        "times_ms": torch.arange(4.0),
        "threshold": 0.1,
        "stay_ms": 1.0,
    },
    "time_constants": lambda: {"eigenvalues": torch.tensor([-0.5, -0.2 + 0.1j]), "tau_ms": 10.0},
    "topology_witness": lambda: settled() | {"points": 12},
    "transient_amplification": lambda: {"op": op(), "times_ms": [1.0, 2.0]},
    "uncertainty_times": lambda: {"scores": draw(4, 3, 2), "times_ms": torch.arange(4.0)},
    "BatchShare": lambda: {"first": 0, "parts": 2},
    "Reading": lambda: {"label_column": "label"},
    "Split": lambda: {"pixels": images(6).sigmoid(), "labels": torch.arange(6) % CLASSES},
    "Tolerance": lambda: {"count": 1, "share": 0.1},
    "VisionData": lambda: {n: getattr(vision(), n) for n in inspect.signature(data.VisionData).parameters},
    "check_unreadable": lambda: {"unreadable": (), "total": 5, "name": "few"},
    "is_path": lambda: {"name": "digits"},
    "load_data": lambda: {"name": "digits", "image_size": 8},
    "to_unit_range": lambda: {"pixels": torch.zeros(2, 1, 4, 4, dtype=torch.uint8)},
    "warn_unreadable": lambda: {"unreadable": (), "total": 5, "name": "few"},
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
    "Axis": lambda: {"name": "time", "values": (1.0, 2.0), "units": "ms"},
    "Expected": lambda: {"low": 0.0, "high": 1.0},
    "LabelledArray": lambda: {"values": np.zeros(2), "axes": (experiments.Axis("time", (1.0, 2.0), "ms"),)},
    "evaluate": lambda: {"checkpoint": model(), "data": vision()},
    "find_checkpoint": lambda: {"source": saved()},
    "read_result": lambda: {"folder": written()},
    "write_data": lambda: {"result": experiments.Result(tables={"t": ({"a": 1},)}), "folder": "out"},
    "Preprocessing": lambda: {"size": (8, 8), "mean": (0.5,), "std": (0.5,), "classes": ("a", "b")},
    "build": lambda: {"spec": spec(), "seed": 0},
    "cordsnet_spec": lambda: {"name": "x", "depth": 2, "stem": POINT, "image_size": 16},
    "layout": lambda: {"spec": spec()},
    "published_names": lambda: {"spec": models.MODELS["cordsnet_r2_small"].spec},
    "published_state_dict": lambda: {"model": c.create_model("cordsnet_r2_small")},
    "read_metadata": lambda: {"folder": saved()},
    "Criterion": lambda: {"measure": "loss", "at_most": 0.5, "over": 5},
    "Event": lambda: {"kind": "onset", "input": "images", "time_ms": 4.0},
    "Contraction": dict,
    "Skips": dict,
    "EveryStep": lambda: {"ms": 20.0},
    "Fold": dict,
    "GaussNewton": dict,
    "Imitate": dict,
    "InverseInit": dict,
    "LabelledImages": lambda: {"data": vision()},
    "LastStep": lambda: {"ms": 20.0},
    "ModelChoice": dict,
    "NextFrame": dict,
    "Objective": dict,
    "Optimisation": dict,
    "RandomInit": dict,
    "Recipe": lambda: {"name": "small", "stages": (training.RandomInit(),), "data": "digits"},
    "Settled": dict,
    "Train": dict,
    "TrainCNN": dict,
    "TrainDynamics": dict,
    "TrainSettled": dict,
    "Trial": dict,
    "accuracy": lambda: {"model": model(), "split": split(), "image_ms": 8.0},
    "as_source": lambda: {"data": vision()},
    "compare_gradients": lambda: {"model": model(), "inputs": images(), "targets": torch.tensor([0, 1]), "ms": 8.0},
    "find_recipe": lambda: {"name": "digits"},
    "fit": lambda: {"recipe": recipe(), "output": "run", "progress": False},
    "grid": lambda: {"recipe": recipe(), "choices": {"random.gain": [0.5, 0.4]}, "seeds": 2},
    "objective": lambda: {"model": model(), "images": images(), "labels": torch.tensor([0, 1])},
    "summary": lambda: {"rows": [{"a": "x", "b": b, "status": "done"} for b in (1.0, 2.0)], "by": ["a"], "of": "b"},
    "with_setting": lambda: {"recipe": recipe(), "path": "random.gain", "value": 0.3},
    **bad_input_neural.GOOD,
    **bad_input_recordings.GOOD,
    **bad_input_tasks.GOOD,
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
    "RegimeSettings": lambda s: s,
    "Split": lambda s: s.images,
    **dict.fromkeys(("ConvOperator", "MatrixOperator", "Diagonal"), lambda o: o.mv(draw(*o.domain, dtype=o.dtype))),
    **dict.fromkeys(
        ("FunctionFlow", "MapFlow", "RateFlow"), lambda f: a.fixed_points(f, draw(2, *f.domain), max_iterations=5)
    ),
    **bad_input_neural.USE,
    **bad_input_recordings.USE,
    **bad_input_tasks.USE,
}
"""What is done with a result, so that an argument which is kept for later is tried as well."""
