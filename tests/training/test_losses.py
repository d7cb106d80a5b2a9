"""Losses as pure functions: against the same numbers written out, and what they refuse."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from cordsnet import CNN, show, simulate
from cordsnet.models import build
from cordsnet.training import LOSSES, Batch, Bound, EveryStep, LastStep, Masked, NextFrame, Objective, Settled
from cordsnet.training import unlabelled as module
from cordsnet.training.comparison import Course, masked
from oracles import CASCADE, random_images, randomised

LABELS = torch.tensor([1, 2])


class Outputs:
    """A system of which nothing is asked but the axes of its outputs."""

    def __init__(self):
        self.outputs = {"choice": ("class",), "eye": ("coordinate",)}


def labelled(images):
    return Batch({"image": images}, {"scores": LABELS})


def cross_entropy(scores, labels):
    """Of class scores [B, K], one per trial, in numpy."""
    scores = scores.detach().double().numpy()
    return np.array([np.log(np.exp(row).sum()) - row[k] for row, k in zip(scores, labels.tolist(), strict=True)])


def test_every_kind_is_in_the_table_and_is_plain_data():
    assert LOSSES.names() == [
        "answer",
        "contrastive",
        "every_step",
        "last_step",
        "masked",
        "next_frame",
        "paper",
        "settled",
    ]
    for kind in LOSSES:
        loss = LOSSES[kind]()
        assert loss.kind == loss.to_dict()["kind"] == kind


def test_the_last_step_is_that_of_the_simulation_and_of_a_network_without_time():
    model, images = randomised(CASCADE), random_images(CASCADE)
    found = LastStep(ms=40.0)(Bound.of(model), labelled(images))
    scores = simulate(model, show(images, 40.0)).logits[-1]
    assert found.total.item() == pytest.approx(cross_entropy(scores, LABELS).mean(), rel=1e-9)
    assert float(found.measures["accuracy"]) == float((scores.argmax(1) == LABELS).double().mean())
    cnn = build(CASCADE, 0, CNN).double().eval()
    found = LastStep()(Bound.of(cnn), labelled(images))
    assert found.total.item() == pytest.approx(cross_entropy(cnn(images), LABELS).mean(), rel=1e-9)


def test_every_step_counts_from_the_time_given():
    model, images = randomised(CASCADE), random_images(CASCADE)
    scores = simulate(model, show(images, 40.0)).logits
    for from_ms, first in ((0.0, 0), (20.0, 10)):
        wanted = np.mean([cross_entropy(at, LABELS) for at in scores[first:]])
        found = EveryStep(ms=40.0, from_ms=from_ms)(Bound.of(model), labelled(images))
        assert found.total.item() == pytest.approx(wanted, rel=1e-9)


def test_frames_share_a_trial_and_have_targets_and_masks_of_their_own():
    model = randomised(CASCADE)
    frames = torch.stack([random_images(CASCADE, seed=1), random_images(CASCADE, seed=2)])
    labels, mask = torch.tensor([[1, 2], [0, 1]]), torch.tensor([[0.0, 1.0], [2.0, 1.0]])
    scores = simulate(model, show(frames[0], 20.0) + show(frames[1], 20.0)).logits
    batch = Batch({"image": frames}, {"scores": labels}, {"scores": mask})
    found = Masked(ms=40.0)(Bound.of(model), batch)
    errors = np.stack([cross_entropy(at, labels[step // 10]) for step, at in enumerate(scores)])
    weights = mask.double().numpy().repeat(10, 0)
    assert found.total.item() == pytest.approx((weights * errors).sum() / weights.sum(), rel=1e-9)


@pytest.mark.usefixtures("as_users_run_it")
def test_several_outputs_have_a_term_each_with_its_own_coefficient():
    bound = Bound(None, Outputs())
    outputs = {"choice": torch.randn(4, 2, 3).double(), "eye": torch.randn(4, 2, 2).double()}
    targets = {"choice": LABELS, "eye": torch.randn(4, 2, 2).double()}
    mask = {"choice": torch.tensor([[0.0, 0], [0, 0], [1, 1], [1, 1]])}
    found = masked(bound, Course(outputs, (1, 1, 1, 1)), Batch({}, targets, mask), {"eye": 0.5})
    choice = np.mean([cross_entropy(outputs["choice"][t], LABELS) for t in (2, 3)])
    eye = float(((outputs["eye"] - targets["eye"]) ** 2).mean())
    assert {name: float(term) for name, term in found.terms.items()} == pytest.approx({"choice": choice, "eye": eye})
    assert found.total.item() == pytest.approx(choice + 0.5 * eye)
    hits = (outputs["choice"][2:].argmax(-1) == LABELS).double().mean()
    assert {name: float(value) for name, value in found.measures.items()} == {"choice/accuracy": float(hits)}


@pytest.mark.usefixtures("as_users_run_it")
def test_the_next_frame_is_the_target_of_the_one_before(monkeypatch):
    movie = torch.randn(5, 2, 1, 4, 4)
    shifted = torch.cat([movie[1:], torch.zeros(1, 2, 1, 4, 4)]).repeat_interleave(3, 0)
    monkeypatch.setattr(module, "course", lambda bound, inputs, ms: Course({"next_frame": shifted}, (3,) * 5))
    bound = Bound(None, Outputs())
    assert float(NextFrame()(bound, Batch({"image": movie}, {})).total) == 0
    wrong = movie.clone()
    wrong[4] += 2.0
    assert float(NextFrame(skip=2)(bound, Batch({"image": wrong}, {})).total) == pytest.approx(4 / 2)
    with pytest.raises(ValueError, match="image must be a movie"):
        NextFrame()(bound, Batch({"image": movie[0]}, {}))


def test_gradients_reach_every_parameter():
    model, images = randomised(CASCADE), random_images(CASCADE)
    for loss in (LastStep(ms=40.0), EveryStep(ms=40.0), Masked(ms=40.0), Settled()):
        model.zero_grad()
        loss(Bound.of(model), labelled(images)).total.backward()
        assert all(float(parameter.grad.abs().sum()) > 0 for parameter in model.parameters())


@pytest.mark.parametrize("loss", [EveryStep(), Masked(), NextFrame(), Settled(), Objective()])
def test_losses_over_time_refuse_a_network_without_time(loss):
    with pytest.raises(ValueError, match=f"loss '{loss.kind}' needs a model that evolves in time, got CNN"):
        loss.check(build(CASCADE, 0, CNN))
    loss.check(randomised(CASCADE))


@pytest.mark.usefixtures("as_users_run_it")
def test_batches_that_do_not_fit_are_refused_by_name():
    model, images = randomised(CASCADE), random_images(CASCADE)
    bound = Bound.of(model)
    with pytest.raises(ValueError, match="target 'eye' is no output of the model; it has scores"):
        LastStep(ms=20.0)(bound, Batch({"image": images}, {"eye": torch.zeros(2, 2)}))
    with pytest.raises(ValueError, match="batch has no targets"):
        LastStep(ms=20.0)(bound, Batch({"image": images}, {}))
    with pytest.raises(ValueError, match="target has 3 frames, which do not divide the 10 steps of the trial"):
        Masked(ms=20.0)(bound, Batch({"image": images}, {"scores": torch.zeros(3, 2, dtype=torch.long)}))
    with pytest.raises(ValueError, match="from_ms must be at least 0 and below ms = 40"):
        EveryStep(ms=40.0, from_ms=40.0)


def test_soft_labels_are_learned_as_they_are():
    model, images = randomised(CASCADE), random_images(CASCADE)
    soft = torch.softmax(torch.randn(2, CASCADE.num_classes).double(), 1)
    scores = simulate(model, show(images, 20.0)).logits[-1]
    found = LastStep(ms=20.0)(Bound.of(model), Batch({"image": images}, {"scores": soft}))
    torch.testing.assert_close(found.total, functional.cross_entropy(scores, soft))
