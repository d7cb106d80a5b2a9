"""Good calls of the public functions and classes of cordsnet.analysis, and what is done with their results."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from bad_input_networks import draw, images, kernel, model
from torch import Tensor

from cordsnet import analysis as a


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


def activity(seed: int = 0) -> Tensor:
    """Return activity [trials, time, units]."""
    return draw(4, 12, 5, seed=seed)


def latents(seed: int = 0) -> np.ndarray:
    """Return inferred latents [trials, time, dimensions] in an array."""
    return np.random.default_rng(seed).normal(size=(4, 6, 3))


GOOD: dict[str, Callable[[], dict[str, Any]]] = {
    "integrated_gradients": lambda: {"model": model(), "images": images(), "target": 0, "times_ms": [4.0], "points": 2},
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
}

USE: dict[str, Callable[[Any], Any]] = {
    "RegimeSettings": lambda s: s,
    **dict.fromkeys(("ConvOperator", "MatrixOperator", "Diagonal"), lambda o: o.mv(draw(*o.domain, dtype=o.dtype))),
    **dict.fromkeys(
        ("FunctionFlow", "MapFlow", "RateFlow"), lambda f: a.fixed_points(f, draw(2, *f.domain), max_iterations=5)
    ),
}
