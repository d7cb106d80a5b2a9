"""Dynamical Similarity Analysis: a distance between the dynamics of two systems.

Method and code of Ostrow et al. 2023 (NeurIPS; package `dsa-metric`): a linear operator is fitted to delay embeddings
of each activity, and the two operators are compared up to an orthogonal change of coordinates.
"""

import importlib
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_count, check_positive
from cordsnet.analysis.activity.components import Activity, Estimate, bootstrap_rows, varying_points
from cordsnet.analysis.activity.similarity import first_components

SCORES = ("angular", "euclidean", "wasserstein")


@dataclass(frozen=True)
class DynamicalSimilarity:
    """Distance between the dynamics of two systems.

    Attributes
    ----------
    distance : 0 for equal dynamics, with its bootstrap over trials; an angle from 0 to pi, rad, for "angular".
    predicted : share of the variance of x and of y that the fitted operators predict one step ahead, in sample. If it
        is far below 1 the operators do not describe the systems and their distance means little: raise delays or rank.
    score : what was compared: "angular", "euclidean" (operators) or "wasserstein" (their eigenvalues).
    """

    distance: Estimate
    predicted: tuple[float, float]
    score: str


MAX_ITERATIONS = 1_000_000


@check_arguments
def dsa(
    x: Activity,
    y: Activity,
    area: str | None = None,
    y_area: str | None = None,
    *,
    components: int = 10,
    delays: int = 5,
    delay_interval: int = 1,
    rank: int = 10,
    score: str = "angular",
    iterations: int = 1500,
    learning_rate: float = 5e-3,
    bootstrap: int = 0,
    seed: int = 0,
    device: str = "cpu",
) -> DynamicalSimilarity:
    """Distance between the dynamics of two systems, computed by the package `dsa-metric`.

    Parameters
    ----------
    x, y : activity with the same time step; trials, times and units may differ in number.
    area, y_area : areas of a Trajectory; `y_area` defaults to `area`.
    components : principal components kept of each, scaled to a total variance of 1.
    delays, delay_interval : number of delays of the embedding, and time steps between them.
    rank : rank of both fitted operators. Results depend on it, so report it.
    score : "angular" and "euclidean" search for a rotation, which takes seconds; "wasserstein" compares eigenvalues.
    iterations, learning_rate : of that search.
    bootstrap : resamplings of the trials of both, each as long as the whole comparison.
    seed : seed of the search and the resamplings; the global random state does not change.
    device : device of the search, such as "cpu".

    Raises
    ------
    ModuleNotFoundError : the package is not installed. TypeError, ValueError : arguments that do not fit, by name.
    """
    _check_search(score, iterations, learning_rate, seed)
    points = [
        _component_scores(x, area, "x", components, delays, delay_interval, rank),
        _component_scores(y, y_area or area, "y", components, delays, delay_interval, rank),
    ]
    package = _package()
    settings = {
        "n_delays": delays,
        "delay_interval": delay_interval,
        "rank": rank,
        "score_method": score,
        "iters": iterations,
        "lr": learning_rate,
        "device": device,
    }
    value, predicted = _dsa_distance(package, points, settings, seed)
    rows, columns = (bootstrap_rows(len(part), bootstrap, seed + k) for k, part in enumerate(points))
    drawn = [
        _dsa_distance(package, [points[0][one], points[1][other]], settings, seed)[0]
        for one, other in zip(rows, columns, strict=False)  # empty if one of them is a single trial
    ]
    resampled = torch.tensor(drawn, dtype=torch.float64)
    return DynamicalSimilarity(Estimate.from_resampled(value, resampled), predicted, score)


def _check_search(score: str, iterations: int, learning_rate: float, seed: int) -> None:
    if score not in SCORES:
        raise ValueError(f"score must be one of {', '.join(SCORES)}, got {score!r}")
    check_count(iterations, "iterations", 1, MAX_ITERATIONS, "it is the number of gradient steps of each comparison")
    check_positive(learning_rate, "learning_rate")
    if learning_rate > 1:
        raise ValueError(f"learning_rate must be at most 1, got {learning_rate:g}")
    check_count(seed, "seed", 0, 2**32 - 1)


def _package() -> Any:
    try:
        return importlib.import_module("DSA")
    except ModuleNotFoundError as error:
        if error.name != "DSA":  # installed, but one of its dependencies is not
            raise
        raise ModuleNotFoundError("dsa needs the package dsa-metric: pip install 'cordsnet[geometry]'") from error


def _component_scores(
    activity: Activity, area: str | None, name: str, components: int, delays: int, interval: int, rank: int
) -> Tensor:
    """Scores of the first principal components, total variance 1. Raises ValueError if settings do not fit."""
    if min(delays, interval, rank) < 1:
        raise ValueError(f"delays, delay_interval and rank must be at least 1, got {delays}, {interval} and {rank}")
    for label, value in (("delays", delays), ("delay_interval", interval), ("rank", rank)):
        check_count(value, label, 1)
    points = first_components(varying_points(activity, area, name), components)
    count, times, width = points.shape
    left = times - (delays - 1) * interval - 1
    if left < 1:
        raise ValueError(f"{name} has {times} times, too few for {delays} delays of {interval} steps; lower delays")
    if rank > min(delays * width, count * left):
        raise ValueError(
            f"rank must be at most {min(delays * width, count * left)} for {name} ({width} components, {delays} delays "
            f"and {count * left} samples), got {rank}"
        )
    return points / points.square().sum(-1).mean().sqrt()


def _dsa_distance(
    package: Any, points: list[Tensor], settings: dict[str, Any], seed: int
) -> tuple[float, tuple[float, float]]:
    """Distance, and the shares of variance that the fits predict."""
    on_gpu = settings["device"] != "cpu"
    with torch.random.fork_rng(enabled=True, devices=None if on_gpu else []):
        torch.manual_seed(seed)
        fitted = package.DSA(*(part.float() for part in points), verbose=False, **settings)
        value = float(fitted.fit_score())
    models = [model for group in fitted.dmds for model in group]
    sizes = {tuple(model.A_v.shape) for model in models}
    if sizes != {(settings["rank"], settings["rank"])}:
        raise ValueError(f"rank {settings['rank']} was not reached, the operators are {sorted(sizes)}; lower rank")
    first = (settings["n_delays"] - 1) * settings["delay_interval"] + 1
    one, other = (_predicted_share(model, part, first) for model, part in zip(models, points, strict=True))
    return value, (one, other)


def _predicted_share(model: Any, points: Tensor, first: int) -> float:
    """Share of the variance that the fit predicts one step ahead."""
    wanted = points[:, first:]
    left = model.predict(points.float().to(model.device)).double().cpu()[:, first:] - wanted
    total = (wanted - wanted.mean((0, 1))).square().sum()
    return float(1 - left.square().sum() / total) if float(total) > 0 else math.nan
