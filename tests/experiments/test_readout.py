"""Linear read-outs of responses: teachers with known answers, objects that were never seen, and silence."""

import numpy as np
import pytest
import torch

import cordsnet
from cordsnet.experiments.people.readout import FLOOR, fit_readout, right_answers
from cordsnet.experiments.people.responses import respond, step_of

LABELS = np.arange(60) % 3


def patterns(noise, seed=0, labels=LABELS):
    """Responses [60, 12]: a direction for each category, and noise."""
    rng = np.random.default_rng(seed)
    return np.eye(12)[labels] + noise * rng.normal(size=(len(labels), 12))


def accuracy(readout, responses, labels=LABELS):
    return right_answers(readout.scores(responses), labels, readout.categories).mean()


def test_categories_with_directions_of_their_own_are_read():
    readout = fit_readout(patterns(0.1), LABELS + 4)
    assert accuracy(readout, patterns(0.1), LABELS + 4) == 1
    assert readout.categories.tolist() == [4, 5, 6]
    assert np.isclose(readout.size, np.linalg.norm(patterns(0.1), axis=1).mean())


def test_objects_are_read_by_weights_that_never_saw_them():
    rng = np.random.default_rng(1)
    noise, shuffled = rng.normal(size=(300, 400)), rng.integers(3, size=300)
    readout = fit_readout(noise, shuffled)
    assert abs(accuracy(readout, noise, shuffled) - 1 / 3) < 0.1  # more features than objects: seen ones give 1
    seen = (noise @ readout.weights[0])[readout.fold != 0].argmax(-1)
    assert (seen == shuffled[readout.fold != 0]).mean() > 0.95


def test_the_answer_does_not_depend_on_the_size_of_a_response_and_silence_is_a_guess():
    readout = fit_readout(patterns(0.3), LABELS)
    fresh = patterns(0.3, seed=5)
    scores = readout.scores(fresh)
    assert (readout.scores(1e-6 * fresh).argmax(-1) == scores.argmax(-1)).all()
    assert np.allclose(right_answers(np.zeros((60, 3)), LABELS, readout.categories), 1 / 3)
    sizes = np.linalg.norm(1e-6 * fresh, axis=1)
    assert np.allclose(right_answers(scores, LABELS, readout.categories, sizes, FLOOR * readout.size), 1 / 3)


def test_time_comes_first_and_trials_may_repeat_objects():
    readout = fit_readout(patterns(0.3), LABELS)
    course = np.stack([patterns(0.3, seed) for seed in (1, 2)])[:, [7, 7, 30]]
    found = readout.scores(course, [7, 7, 30])
    assert found.shape == (2, 3, 3)
    assert np.allclose(found[0, 2], course[0, 2] @ readout.weights[readout.fold[30]])


def test_two_categories_and_groups():
    labels, groups = np.arange(40) % 2, np.arange(40) // 4
    readout = fit_readout(patterns(0.1, labels=labels), labels, groups=groups)
    assert accuracy(readout, patterns(0.1, labels=labels), labels) == 1
    assert all(len(set(readout.fold[groups == group])) == 1 for group in groups)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"responses": np.full((60, 12), np.nan)}, "must be finite"),
        ({"responses": np.zeros((59, 12))}, "one label for each"),
        ({"labels": np.zeros(60, int)}, "two categories or more"),
        ({"labels": LABELS / 2}, "must be whole numbers"),
        ({"folds": 21}, "folds must be at most 20"),
        ({"groups": np.zeros(60, int)}, "folds must be at most 1"),
        ({"groups": LABELS, "folds": 3}, "leaves a category without objects"),
        ({"penalty": 0.0}, "penalty must be"),
        ({"folds": 1}, "folds must be"),
    ],
)
def test_what_cannot_be_fitted_is_refused(changes, said):
    with pytest.raises(ValueError, match=said):
        fit_readout(**({"responses": patterns(0.1), "labels": LABELS} | changes))
    with pytest.raises(ValueError, match="one row for each of objects"):
        fit_readout(patterns(0.1), LABELS).scores(np.zeros((3, 12)))


@pytest.fixture(scope="module")
def network():
    return cordsnet.create_model("cordsnet_r2_small", in_channels=1, num_classes=3, width=4, image_size=8).eval()


def pictures(n=4):
    return torch.randn(n, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def test_grey_gives_no_response_and_pictures_give_the_rates_less_those_of_grey(network):
    grey = torch.zeros(1, 1, 8, 8)
    silent = respond(network, [(grey.expand(3, -1, -1, -1), 50.0)], grey)
    assert np.abs(silent.values).max() < 1e-6
    found = respond(network, [(pictures(), 50.0), (grey, 25.0)], grey, grid=0)
    assert found.values.shape == (15, 4, 4 * 4 * 4)
    assert found.time_ms.tolist() == [5.0 * k for k in range(1, 16)]
    assert any("dt 1 ms" in note for note in found.notes)
    protocol = cordsnet.show(grey.expand(4, -1, -1, -1), 100) + cordsnet.show(pictures(), 50)
    rates = [
        cordsnet.simulate(network, one, dt=1.0, record="area2").rates["area2"][149]
        for one in (protocol, cordsnet.show(grey, 150))
    ]
    assert np.allclose(found.values[9], (rates[0] - rates[1]).flatten(1), atol=1e-5)


def test_trials_do_not_depend_on_the_others(network):
    grey = torch.zeros(1, 1, 8, 8)
    together = respond(network, [(pictures(), 25.0)], grey).values
    alone = respond(network, [(pictures()[2:3], 25.0)], grey).values
    assert np.allclose(together[:, 2:3], alone, atol=1e-6)


def test_steps_are_a_convention_and_continuous_time_is_cut(network):
    notes = []
    assert step_of(network, 25.0, notes) == 1.0
    assert step_of(network, 50.0) is None
    stepped = cordsnet.create_model("convlstm_small", in_channels=1, num_classes=3, image_size=8)
    assert step_of(stepped, 25.0, notes) is None
    assert "convention" in notes[-1]
    with pytest.raises(ValueError, match="is no multiple of dt"):
        step_of(network, 0.001)


def test_nothing_to_show_is_refused(network):
    grey = torch.zeros(1, 1, 8, 8)
    with pytest.raises(ValueError, match="shown must hold a picture"):
        respond(network, [], grey)
    with pytest.raises(ValueError, match="shown must hold 4 images"):
        respond(network, [(pictures(), 25.0), (pictures(2), 25.0)], grey)
    with pytest.raises(ValueError, match="nothing was recorded"):
        respond(network, [(pictures(), 25.0)], grey).mean(30, 40)
