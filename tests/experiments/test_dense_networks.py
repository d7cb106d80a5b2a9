"""Fully connected networks beside a convolutional one."""

import math

import pytest

from cordsnet.experiments import EXPERIMENTS
from cordsnet.experiments.questions.dense_networks import (
    CLAIMS,
    DenseNetworksOptions,
    compare,
    kind_rows,
    network_runs,
)
from cordsnet.experiments.table import SINGLE_FIGURES

OPTIONS = DenseNetworksOptions(connected=("ctrnn_dense_small", "ctrnn_sparse_small"))


def row(name, seed, accuracy, status="finished"):
    return {
        "model": name,
        "seed": seed,
        "status": status,
        "run": f"{name}/{seed}",
        "accuracy": accuracy,
        "chance": 0.1,
        "parameters": 10,
    }


ROWS = [
    *(row("cordsnet_r2_small", seed, 0.9 + 0.01 * seed) for seed in range(3)),
    *(row("ctrnn_dense_small", seed, 0.5) for seed in range(3)),
    *(row("ctrnn_sparse_small", seed, 0.6 - 0.01 * seed) for seed in range(3)),
]


def test_the_best_fully_connected_network_is_compared_by_seed():
    found = compare(ROWS, kind_rows(ROWS, OPTIONS), OPTIONS)
    assert found["convolution_reads_better"].value == pytest.approx((0.3 + 0.32 + 0.34) / 3)
    assert found["near_chance"].value == pytest.approx(0.49)
    half = 4.302653 * 0.02 / math.sqrt(3)  # t of two degrees of freedom, times the standard error
    assert found["convolution_reads_better"].interval == pytest.approx((0.32 - half, 0.32 + half))


def test_networks_that_diverged_are_left_out_with_their_partner():
    rows = [{**ROWS[0], "status": "diverged"}, *ROWS[1:]]
    found = compare(rows, kind_rows(rows, OPTIONS), OPTIONS)
    assert (found["convolution_reads_better"].n, found["near_chance"].n) == (2, 3)
    lost = [one for one in ROWS if one["model"] == "cordsnet_r2_small"]
    assert compare(lost, kind_rows(lost, OPTIONS), OPTIONS) == {}


def test_all_networks_are_trained_alike():
    runs = network_runs(DenseNetworksOptions(data="mnist", updates=7, seeds=2), seed=4)
    assert [run.recipe.seed for run in runs] == [4] * 4 + [5] * 4
    assert {run.recipe.data for run in runs} == {"mnist"}
    assert {run.recipe.stages[0].optimisation.updates for run in runs} == {7}
    assert len({str(run.recipe.stages) for run in runs}) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": 0}, "seeds"),
        ({"updates": 0}, "updates"),
        ({"connected": ()}, "connected"),
        ({"connected": ("cordsnet_r2_small",)}, "convolutional"),
        ({"convolutional": "resnet"}, "resnet"),
    ],
)
def test_options_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        DenseNetworksOptions(**changes)


def test_a_recipe_of_stages_is_refused():
    with pytest.raises(ValueError, match="one stage"):
        network_runs(DenseNetworksOptions(recipe="digits", updates=5))


def test_it_is_a_table_of_the_paper():
    assert SINGLE_FIGURES["tables5"] == "dense_networks"
    assert EXPERIMENTS["dense_networks"].claims == CLAIMS
