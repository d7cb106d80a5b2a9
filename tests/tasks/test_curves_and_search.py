"""Contour tracing and visual search: the answer is in the stimulus, in both renderings, and not elsewhere."""

import pytest
import torch
from scipy import ndimage

from cordsnet.tasks import create_task
from cordsnet.tasks.kinds.contour_tracing import NODES, PAIRS, STEPS


def test_the_graph_gives_the_answer_and_the_distance_of_contour_tracing():
    trials = create_task("contour_tracing", noise=0.0).sample(60, seed=1)
    graph = trials.inputs["vector"][20, :, 1:]
    for k in range(60):
        joined = torch.zeros(NODES, NODES)
        for weight, (i, j) in zip(graph[k, : len(PAIRS)].tolist(), PAIRS, strict=True):
            joined[i, j] = joined[j, i] = weight
        reached, cue, steps = graph[k, len(PAIRS) : len(PAIRS) + NODES], graph[k, -NODES:], 0
        while steps <= STEPS and not (reached * cue).any():
            reached, steps = ((joined @ reached + reached) > 0).float(), steps + 1
        same = bool((reached * cue).any())
        assert same == bool(trials.answer[k])
        assert not same or steps == trials.conditions["steps"][k]


def test_the_curve_through_the_fixation_point_reaches_the_cue_in_movies_where_it_should():
    task = create_task("contour_tracing", rendering="image", image_size=96)
    trials = task.sample(60, seed=2)
    for k in range(60):
        frame = trials.inputs["image"][20, k, 0].numpy()
        parts, count = ndimage.label(frame > 0.3, structure=[[1] * 3] * 3)
        assert count == 2
        bright, _ = ndimage.label(frame > 0.8)
        middle = bright[48, 48]
        cue = parts[(bright > 0) & (bright != middle)]
        assert cue.min() == cue.max()
        assert (cue[0] == parts[48, 48]) == bool(trials.answer[k])


def test_lengths_along_curves_grow_with_steps_and_are_at_least_the_radius():
    conditions = create_task("contour_tracing").sample(400, seed=3).conditions
    assert (conditions["length"] >= 0.85 * conditions["steps"] / STEPS - 1e-6).all()
    means = [float(conditions["length"][conditions["steps"] == k].mean()) for k in (3, 4, 5, 6)]
    assert means == sorted(means)


@pytest.mark.parametrize("search", ["feature", "conjunction"])
def test_the_target_of_a_search_is_where_the_answer_says(search):
    trials = create_task("visual_search", search=search, noise=0.0).sample(300, seed=1)
    level, upright = trials.inputs["vector"][20, :, 1:].unflatten(1, (2, 8)).unbind(1)
    target = upright == 1 if search == "conjunction" else upright > 0
    assert torch.equal(target.sum(1), trials.answer)
    assert torch.equal(((level > 0) | (upright > 0)).sum(1), trials.conditions["set_size"])
    assert not ((level > 0) & (upright > 0)).any()


def test_bars_of_a_search_are_as_long_as_drawn():
    trials = create_task("visual_search", rendering="image", image_size=64, set_sizes=(8,)).sample(6, seed=1)
    for k in range(6):
        movie = trials.inputs["image"][20, k, 0].numpy()
        _, count = ndimage.label(movie > 0.3)
        assert count == 9  # eight bars and the fixation point


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("visual_search", {"set_sizes": (9,)}, "set_sizes must be whole numbers from 1 to 8"),
        ("visual_search", {"search": "both"}, "search must be"),
        ("contour_tracing", {"steps": (1,)}, "steps must be whole numbers from 3 to 6"),
        ("contour_tracing", {"turns": 2.0}, "turns must be above 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(name, settings, said):
    with pytest.raises(ValueError, match=said):
        create_task(name, **settings)
