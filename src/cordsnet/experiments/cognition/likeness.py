"""Distances between all networks of a sweep over tasks, recurrences, sizes and seeds, as tables and as matrices."""

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from cordsnet.experiments.cognition.distances import distances, dynamics_distance, matrix, ratio
from cordsnet.experiments.result import LabelledArray, axis, labelled

MEASURES = ("procrustes", "cca", "dsa")
LACKING = "the column dsa needs the package dsa-metric: pip install 'cordsnet[geometry]'"
NETWORKS, OTHERS, ALL = "network", "other", "all tasks"


class Network(NamedTuple):
    """A network of a task."""

    model: str
    units: int
    seed: int

    def __str__(self) -> str:
        """Row, units and seed."""
        return f"{self.model}, {self.units} units, seed {self.seed}"


Courses = Mapping[Network, Tensor]
Pairs = Sequence[Mapping[str, Any]]


def pair_rows(trained: Courses, untrained: Courses) -> tuple[list[dict[str, Any]], list[str]]:
    """Distances of all pairs of networks of a task, trained and untrained, and notes on those that are not defined.

    Untrained networks are compared with those of their own size alone. "units" is the size of a pair of one size.
    """
    with_dsa = importlib.util.find_spec("DSA") is not None
    notes = [] if with_dsa else [LACKING]
    rows = []
    for weights, courses in (("trained", trained), ("untrained", untrained)):
        for one, other in combinations(sorted(courses), 2):
            if weights == "untrained" and one.units != other.units:
                continue
            found, why = distances(courses[one], courses[other], with_dsa)
            notes += [f"left out for {one} and {other}: {why}"] if why else []
            rows.append({"weights": weights, **_ends(one, other), **found})
    return rows, notes


def ratio_rows(
    pairs: Pairs, learnt: Sequence[Network], finished: Sequence[Network], seed: int
) -> Iterator[dict[str, Any]]:
    """Ratios of distances at one size, by measure: networks that learnt, all that finished, and untrained ones."""
    for group, networks in (("learnt", learnt), ("trained", finished), ("untrained", finished)):
        rows = [row for row in pairs if row["weights"] == ("untrained" if group == "untrained" else "trained")]
        for column in ("procrustes", "dsa"):
            found = ratio(matrix(rows, networks, column), [one.model for one in networks], seed)
            low, high = found.interval or (None, None)
            means = {kind: _mean(rows, networks, column, kind) for kind in ("same", "different")}
            yield {"networks": group, "measure": column, **means, "ratio": found.value, "low": low, "high": high}


def matrices(task: str, pairs: Pairs) -> dict[str, LabelledArray]:
    """A matrix [network, network] of the trained networks of a task for each measure; NaN where none is defined."""
    rows = [row for row in pairs if row["weights"] == "trained"]
    networks = sorted({end for row in rows for end in ends_of(row)})
    found = {}
    for measure in MEASURES:
        values = matrix(rows, networks, measure)
        if np.isfinite(values).any():
            found[f"distances/{task}/{measure}"] = _labelled(values, [str(one) for one in networks], measure)
    return found


def between_tasks(
    courses: Mapping[str, Courses], learnt: Mapping[str, Sequence[Network]], seed: int
) -> tuple[list[dict[str, Any]], dict[str, LabelledArray]]:
    """Distances between the dynamics of all networks of all tasks, which need no trials in common (DSA).

    Returns
    -------
    Rows of ratios: mean distance of networks of different tasks over that of networks of one task, and of different
    recurrences over that of one, among the same networks; and the matrix of all networks. Both empty for a single task,
    or without the package.
    """
    if len(courses) < 2 or importlib.util.find_spec("DSA") is None:
        return [], {}
    names = [(task, one) for task in courses for one in sorted(courses[task])]
    values = np.full((len(names), len(names)), np.nan)
    for (k, (task, one)), (j, (other_task, other)) in combinations(enumerate(names), 2):
        values[k, j] = values[j, k] = dynamics_distance(courses[task][one], courses[other_task][other])[0]
    rows = []
    for group in ("learnt", "trained"):
        kept = [k for k, (task, one) in enumerate(names) if group == "trained" or one in learnt[task]]
        part = values[np.ix_(kept, kept)]
        for what, labels in (
            ("tasks", [names[k][0] for k in kept]),
            ("recurrences", [names[k][1].model for k in kept]),
        ):
            found = ratio(part, labels, seed)
            low, high = found.interval or (None, None)
            rows.append({"networks": group, "of": what, "ratio": found.value, "low": low, "high": high, "n": found.n})
    shown = [f"{task}, {one}" for task, one in names]
    return rows, {f"distances/{ALL}/dsa": _labelled(values, shown, "dsa")}


def ends_of(row: Mapping[str, Any]) -> tuple[Network, Network]:
    """The two networks of a row of the table of distances."""
    first, second = (Network(row[end], row[f"{end}_units"], row[f"{end}_seed"]) for end in ("first", "second"))
    return first, second


def _ends(one: Network, other: Network) -> dict[str, Any]:
    units = {"units": one.units} if one.units == other.units else {}
    return {
        **units,
        "first": one.model,
        "first_units": one.units,
        "first_seed": one.seed,
        "second": other.model,
        "second_units": other.units,
        "second_seed": other.seed,
        "recurrence": "same" if one.model == other.model else "different",
    }


def _mean(rows: Pairs, networks: Sequence[Network], column: str, kind: str) -> float | None:
    known = set(networks)
    values = [
        float(row[column]) for row in rows if row["recurrence"] == kind and column in row and set(ends_of(row)) <= known
    ]
    return float(np.mean(values)) if values else None


def _labelled(values: Any, names: Sequence[str], measure: str) -> LabelledArray:
    shown = values.copy()
    np.fill_diagonal(shown, 1.0 if measure == "cca" else 0.0)
    words = {"procrustes": "Procrustes distance", "cca": "mean canonical correlation", "dsa": "DSA, eigenvalues"}
    return labelled(torch.as_tensor(shown), (axis(NETWORKS, names), axis(OTHERS, names)), description=words[measure])
