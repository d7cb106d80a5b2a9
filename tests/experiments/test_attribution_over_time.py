"""Evidence over time on a linear network, where it is the impulse response, and beside that of held images."""

import numpy as np
import pytest
import torch
from leaky_networks import leaky_readers, lit_channels

import cordsnet
from cordsnet.analysis import integrated_gradients
from cordsnet.data import Split
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.effects.attribution import AttributionOptions, frame_steps, half_time
from cordsnet.experiments.effects.evidence import Evidence, evidence_of_frames

SHORT = AttributionOptions(trials=20, image_ms=40.0, frame_ms=10.0, points=(1, 2))


def test_evidence_in_a_linear_network_is_its_impulse_response():
    """What enters n steps before the end adds the n-th difference of the response to a step."""
    model, _ = leaky_readers()
    split = lit_channels()
    result = EXPERIMENTS["attribution"](Setting({"net": model}, split), SHORT)
    scores = cordsnet.simulate(model, cordsnet.show(split.images[:1], 40)).logits[:, 0, split.labels[0]]
    response = [0.0, *scores.detach().tolist()]
    expected = [(response[20 - k] - response[15 - k]) / response[20] / 10 for k in (0, 5, 10, 15)]
    rows = result.rows("evidence")
    assert [row["share_per_ms"] for row in rows] == pytest.approx(expected, abs=1e-5)
    assert [row["gradient_x_input"] for row in rows] == pytest.approx(expected, abs=1e-5)
    assert [(row["start_ms"], row["end_ms"]) for row in rows] == [(0, 10), (10, 20), (20, 30), (30, 40)]
    late = result.claim("late_frames_weigh_more").value
    assert late == pytest.approx(2 * response[10] / response[20] - 1, abs=1e-5)
    assert result.rows("summary")[0]["accuracy"] == 1.0


def test_a_linear_network_needs_one_gradient_alone():
    model, _ = leaky_readers()
    result = EXPERIMENTS["attribution"](Setting({"net": model}, lit_channels()), SHORT)
    assert result.claim("complete").verdict == "holds"
    assert result.claim("frames_add_up").verdict == "holds"
    assert result.claim("one_gradient_is_not_enough").verdict == "fails"
    assert max(row["error"] for row in result.rows("completeness")) < 1e-5


def test_frames_of_a_nonlinear_network_sum_to_the_held_image():
    model = cordsnet.create_model("cordsnet_r2_small", in_channels=1, num_classes=3, width=2, image_size=8, seed=1)
    model = model.double().eval()
    images = torch.randn(4, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([0, 1, 2, 0])
    whole = integrated_gradients(model, images, classes, times_ms=[40.0], points=8, max_points=8, tol=1e-9)
    evidence = evidence_of_frames(model, images, classes, [7, 7, 6], 8)
    assert evidence.integrated.sum(0) == pytest.approx(whole.values[0].flatten(1).sum(1).numpy(), rel=1e-9)
    assert evidence.ends_ms.tolist() == [14.0, 28.0, 40.0]


def test_gradient_times_input_is_that_of_a_step_by_hand():
    """The image of one frame alone is moved, and the score follows its gradient."""
    model = cordsnet.create_model("cordsnet_r2_small", in_channels=1, num_classes=3, width=2, image_size=8, seed=1)
    model = model.double().eval()
    images = torch.randn(2, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    evidence = evidence_of_frames(model, images, torch.tensor([1, 1]), [10, 10], 1)

    def score(shift: float) -> np.ndarray:
        protocol = cordsnet.show((1 + shift) * images, 20) + cordsnet.show(images, 20)
        return cordsnet.simulate(model, protocol).logits[-1, :, 1].detach().numpy()

    assert evidence.gradient[0] == pytest.approx((score(1e-5) - score(-1e-5)) / 2e-5, rel=1e-5, abs=1e-9)


def test_half_of_even_evidence_enters_in_the_second_half():
    edges = np.array([0.0, 10.0, 20.0, 30.0, 40.0])
    even = Evidence(np.ones((4, 3)), np.ones((4, 3)), edges[:-1], edges[1:])
    assert half_time(even) == pytest.approx(20.0)
    last = Evidence(np.array([[0.0], [0.0], [0.0], [2.0]]), even.gradient, edges[:-1], edges[1:])
    assert half_time(last) == pytest.approx(35.0)
    assert np.isnan(half_time(Evidence(0 * even.integrated, even.gradient, edges[:-1], edges[1:])))


def test_images_that_raise_no_score_have_no_shares():
    model, _ = leaky_readers()
    split = lit_channels()
    dark = Split(torch.zeros_like(split.images), split.labels)
    result = EXPERIMENTS["attribution"](Setting({"net": model}, dark), SHORT)
    assert {claim.value for claim in result.claims} == {None}
    assert any("may be nothing" in row["note"] for row in result.rows("notes"))


def test_frames_are_whole_steps():
    model, _ = leaky_readers()
    notes: list[str] = []
    assert frame_steps(model, AttributionOptions(image_ms=44.0, frame_ms=20.0), notes) == [10, 10, 2]
    assert frame_steps(model, AttributionOptions(image_ms=4.0, frame_ms=1.0), notes) == [1, 1]
    assert "less than a step" in notes[0]


def test_bad_options_are_refused():
    for wrong in ((), (0, 1), (4, 2), (2, 2)):
        with pytest.raises(ValueError, match="points"):
            AttributionOptions(points=wrong)
    with pytest.raises(ValueError, match="frame_ms"):
        AttributionOptions(image_ms=20.0, frame_ms=15.0)
