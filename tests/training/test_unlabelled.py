"""Training without labels: moving images, clips that find their partner, the next frame, and a linear probe."""

import numpy as np
import pytest
import torch

from cordsnet import create_model
from cordsnet.data import load_data
from cordsnet.errors import CheckpointError, RunError
from cordsnet.training import (
    Batch,
    Bound,
    Contrastive,
    LastStep,
    ModelChoice,
    Motion,
    NextFrame,
    Optimisation,
    Recipe,
    Train,
    fit,
    linear_probe,
)
from cordsnet.training.unlabelled import nt_xent

SMALL = {"image_size": 16, "in_channels": 1, "num_classes": 10}
HOW = Optimisation(lr=1e-2, updates=5, batch=24)


def test_a_movie_passes_through_the_image_and_is_a_function_of_the_seed():
    images = torch.rand(3, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    movie = Motion(frames=5)(images)
    assert movie.shape == (5, 3, 2, 8, 8)
    torch.testing.assert_close(movie[2], images)
    torch.manual_seed(1)
    assert torch.equal(movie, Motion(frames=5)(images))
    assert not torch.equal(movie, Motion(frames=5)(images))
    still = Motion(frames=3, shift=0.0, zoom=0.0)(images)
    torch.testing.assert_close(still, images.expand(3, *images.shape))


def test_motion_is_a_constant_shift(monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *shape: torch.tensor([[1.0], [0.5], [0.5]]))  # right by all, else still
    image = torch.zeros(1, 1, 9, 9)
    image[0, 0, 4, 4] = 1.0
    movie = Motion(frames=3, shift=4 / 9, zoom=0.0)(image)  # from -2 to +2 px
    assert [int(frame.argmax()) % 9 for frame in movie] == [2, 4, 6]


def test_motions_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="frames"):
        Motion(frames=1)
    with pytest.raises(ValueError, match="shift must be a finite number of 0 or more"):
        Motion(shift=-0.1)
    with pytest.raises(ValueError, match=r"images must have the axes \[B, C, H, W\]"):
        Motion()(torch.zeros(2, 3, 4))


def test_nt_xent_is_the_formula_written_out():
    draw = torch.Generator().manual_seed(0)
    one, two = (torch.randn(3, 4, generator=draw).double() for _ in range(2))
    views = torch.cat([one, two]).numpy()
    views = views / np.linalg.norm(views, axis=1, keepdims=True)
    similar, losses = np.exp(views @ views.T / 0.5), []
    for k in range(6):
        others = [similar[k, j] for j in range(6) if j != k]
        losses.append(-np.log(similar[k, (k + 3) % 6] / np.sum(others)))
    found, hits = nt_xent(one, two, 0.5)
    assert float(found) == pytest.approx(np.mean(losses), rel=1e-12)
    assert 0 <= float(hits) <= 1
    assert float(nt_xent(one, one + 1e-9, 0.1)[1]) == 1
    with pytest.raises(ValueError, match="two views of at least 2 images"):
        nt_xent(one[:1], two[:1], 0.5)


@pytest.mark.parametrize("name", ["cnn_r2_small", "convlstm_small"])
def test_clips_are_compared_by_the_rates_at_their_ends(name):
    model = create_model(name, **SMALL, seed=0)
    loss = Contrastive(motion=None, size=8)
    head = loss.head(model)
    movie = torch.randn(2, 3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    model.train()
    found = loss(Bound.of(model, head=head), Batch({"image": movie}, {}))
    if name == "convlstm_small":
        system = model.system()
        ends = []
        for frame in movie:
            state, held = system.begin(3), system.hold({"image": frame})
            for _ in range(round(model.response_ms / model.dt_ms)):
                state = system.advance(state, held)
            ends.append(head(state.values[model.areas[-1]].mean((2, 3))))
        torch.testing.assert_close(found.total, nt_xent(*ends, loss.temperature)[0])
    found.total.backward()
    assert all(float(p.grad.abs().sum()) > 0 for p in head.parameters())
    assert sum(p.grad is not None for p in model.parameters()) > 0


def test_the_next_frame_is_decoded_where_a_model_does_not_predict():
    model = create_model("convlstm_small", **SMALL, seed=0)
    loss = NextFrame(frame_ms=None, motion=Motion(frames=4))
    head = loss.head(model)
    found = loss(Bound.of(model, head=head), Batch({"image": torch.randn(2, 1, 16, 16)}, {}))
    assert float(found.total) > 0
    assert float(found.measures["copying"]) > 0
    found.total.backward()
    assert all(float(p.grad.abs().sum()) > 0 for p in head.parameters())
    assert not loss.trains_outputs
    assert NextFrame().trains_outputs


@pytest.mark.parametrize("loss", [Contrastive(), NextFrame(frame_ms=None, motion=Motion(frames=5))])
def test_it_trains_and_a_probe_measures_it_in_place_of_the_scores(loss, tmp_path):
    recipe = Recipe("unlabelled", (Train(loss=loss, optimisation=HOW),), ModelChoice("convlstm_small"))
    report = fit(recipe, tmp_path, progress=False)["train"]
    assert 0.3 < report.metrics["probe_accuracy"] <= 1
    assert "test_accuracy" not in report.metrics
    again = fit(recipe, tmp_path / "again", progress=False)["train"]
    one, two = report.model().state_dict(), again.model().state_dict()
    assert one.keys() == two.keys() == create_model("convlstm_small", **SMALL).state_dict().keys()  # the head is gone
    assert all(torch.equal(one[key], two[key]) for key in one)
    head, other = (found.head(loss, found.model()).state_dict() for found in (report, again))
    assert all(torch.equal(head[key], other[key]) for key in head)
    untrained = loss.head(report.model()).state_dict()
    assert head.keys() == untrained.keys()
    assert not any(torch.equal(head[key], untrained[key]) for key in head)
    with pytest.raises(RunError, match="puts no layers"):
        report.head(LastStep(), report.model())
    (report.folder / "head.safetensors").write_bytes(b"torn")
    with pytest.raises(CheckpointError, match="damaged"):
        report.head(loss, report.model())
    (report.folder / "head.safetensors").unlink()
    with pytest.raises(RunError, match="holds no head"):
        report.head(loss, report.model())


def test_a_probe_reads_what_the_rates_hold():
    model, data = create_model("cnn_r2_small", **SMALL, seed=0), load_data("digits", 16)
    known = linear_probe(model, data, images=400)
    assert known > 0.7  # random features
    assert known == linear_probe(model, data, images=400)
    with pytest.raises(ValueError, match="unknown area 'area3'"):
        linear_probe(model, data, area="area3")
