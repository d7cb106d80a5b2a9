"""Parametric working memory: pairs in both orders, and gratings of the right frequency."""

import pytest
import torch

from cordsnet.tasks import create_task

PAIRS = {(18, 10), (22, 14), (26, 18), (30, 22), (34, 26)}


def test_every_pair_is_shown_in_both_orders_equally_often():
    task = create_task("parametric_memory")
    plan = task.plan(8000, seed=1)
    found, right = plan.conditions, task.right(plan)
    shown = set(zip(found["f1_hz"].tolist(), found["f2_hz"].tolist(), strict=True))
    assert shown == PAIRS | {(b, a) for a, b in PAIRS}
    assert torch.equal(right == 1, found["f2_hz"] > found["f1_hz"])
    for pair in PAIRS:
        of = right[(found["f1_hz"] + found["f2_hz"]) == sum(pair)].double()
        assert abs(of.mean() - 0.5) < 4 * 0.5 / len(of) ** 0.5
        assert abs(len(of) / 8000 - 0.2) < 4 * 0.4 / 8000**0.5


def test_the_first_alone_gives_seventy_per_cent_as_the_docstring_says():
    task = create_task("parametric_memory")
    plan = task.plan(8000, seed=2)
    right = task.right(plan)
    for name in ("f1_hz", "f2_hz"):
        values = plan.conditions[name]
        best = sum(torch.bincount(right[values == value]).max() for value in values.unique()) / 8000
        assert abs(best - 0.7) < 0.02


def test_vectors_hold_the_frequency_and_its_complement():
    trials = create_task("parametric_memory", noise=0.0).sample(30)
    for period in ("f1", "f2"):
        shown = trials.inputs["vector"][trials.periods[period][0, 0]].double()
        assert torch.allclose(shown[:, 1], (trials.conditions[f"{period}_hz"] - 10) / 24)
        assert torch.allclose(shown[:, 1] + shown[:, 2], torch.ones(30).double())


def test_gratings_have_the_cycles_that_the_frequency_says():
    task = create_task("parametric_memory", rendering="image", image_size=64, cycles_per_hz=0.5)
    trials = task.sample(12, seed=3)
    for period in ("f1", "f2"):
        row = trials.inputs["image"][trials.periods[period][0, 0], :, 0, 26, 4:60]  # above the fixation point
        power = torch.fft.rfft(row - row.mean(1, keepdim=True), n=6400).abs()
        assert torch.allclose(power.argmax(1) / 100, 0.5 * trials.conditions[f"{period}_hz"].float(), atol=0.3)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"pairs": ()}, "pairs must hold two different frequencies"),
        ({"pairs": ((10.0, 10.0),)}, "pairs must hold two different frequencies"),
        ({"pairs": ((10.0, -1.0),)}, "pairs must hold two different frequencies"),
        ({"cycles_per_hz": 1.0}, "cycles_per_hz must leave two pixels of 32 to a cycle, got 34 cycles"),
    ],
)
def test_pairs_and_gratings_that_cannot_be_are_refused(settings, said, as_users_run_it):
    with pytest.raises(ValueError, match=said):
        create_task("parametric_memory", **settings)
