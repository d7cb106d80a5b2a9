"""Decision times by condition: a network that is slow where images are faint, beside people who are slow there too."""

import numpy as np
import pytest

import cordsnet
from answers_by_hand import HARD, challenge, images, real, write_challenge, write_images
from cordsnet.data.people.maniquet2025 import read_challenge
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.intervals import rank_correlations
from cordsnet.experiments.people.condition_times import Drawn, draw_medians
from cordsnet.experiments.people.reaction_time import ReactionTimeOptions, measure


def slow_where_hard(sign=1.0):
    """Answers of people whose reaction times rise, or fall, over the conditions in their order."""
    found = challenge()
    times = 900.0 + sign * 100 * HARD
    for row in found["performance"]["participants RT"].values():
        row[:] = [None if ms is None else float(times[c]) for c, ms in enumerate(row)]
    return found


@pytest.fixture(scope="module")
def model():
    """A network with recurrent kernels of zero and lasting weights: its course scales with the image."""
    net = cordsnet.create_model("cordsnet_r2_small", in_channels=1, num_classes=3, width=4, image_size=16)
    for kernel in net.wiring.recurrent.values():
        kernel.parametrizations.weight.original0.data.zero_()
    for value in net.bias.values():
        value.data.fill_(1.0)  # above threshold, so that it is linear
    return net.eval()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_faint_images_take_longer_as_they_do_people(sign, model, tmp_path):
    contrast = np.linspace(1.0, 0.2, 17)
    folder = write_images(write_challenge(tmp_path, slow_where_hard(sign)), images(contrast=contrast))
    options = ReactionTimeOptions(str(folder), read_ms=200.0, stay_ms=40.0, threshold=0.2, folds=2, draws=100)
    result = EXPERIMENTS["reaction_time"](Setting({"net": model}), options)
    for name in ("threshold", "uncertainty"):
        assert result.claim(f"{name}_orders_conditions").value == pytest.approx(sign, abs=0.05)
        assert result.claim(f"{name}_orders_conditions").verdict == ("holds" if sign > 0 else "fails")
    correlations = [
        row["correlation"] for row in result.rows("reaction_time") if row["measure"] not in ("best", "worst")
    ]
    assert result.claim("best_time_orders_conditions").value == max(correlations)
    assert result.claim("worst_time_orders_conditions").value == min(correlations)
    assert result.rows("conditions", measure="threshold", condition="control")[0]["people_ms"] == pytest.approx(900.0)


def test_claims_of_a_model_that_reads_no_control_image_are_not_measured(model, tmp_path):
    grey = images(contrast=np.full(17, 0.0))
    folder = write_images(write_challenge(tmp_path, slow_where_hard(1.0)), grey)
    options = ReactionTimeOptions(str(folder), read_ms=200.0, stay_ms=40.0, threshold=0.2, folds=2, draws=100)
    result = EXPERIMENTS["reaction_time"](Setting({"net": model}), options)
    assert result.claim("control_is_read").verdict != "holds"
    others = [claim for claim in result.claims if claim.name != "control_is_read"]
    assert all(claim.value is None or claim.value != claim.value for claim in others)
    assert any("not surely better than chance" in row["note"] for row in result.rows("notes"))


def test_medians_are_over_those_who_saw_a_condition():
    people = np.array([[900.0, np.nan], [1000.0, np.nan], [1100.0, np.nan], [np.nan, 700.0]])
    times = {"threshold": np.array([[10.0, np.inf], [20.0, np.inf], [30.0, 5.0]])}
    found = draw_medians(times, people, draws=50)
    assert found.people[0].tolist() == [1000.0, 700.0]
    assert found.model["threshold"][0].tolist() == [20.0, np.inf]
    assert not np.isnan(found.people).any()
    assert found.photographs == 3
    again = draw_medians(times, people, draws=50)
    assert np.array_equal(found.people, again.people)


def test_shuffled_conditions_are_undecided():
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(201, 17)) for _ in range(3)]
    drawn = Drawn(
        dict(zip(("threshold", "uncertainty", "settling"), values, strict=True)), rng.normal(size=(201, 17)), 80
    )
    assert {str(one.interval[0] < 0 < one.interval[1]) for one in list(measure(drawn).values())[:3]} == {"True"}


def test_people_of_the_challenge_set_are_slower_where_they_err_more():
    data = read_challenge(real("challenge_maniquet2025"))
    people = draw_medians({"none": np.zeros((1, 17))}, data.reaction_ms, draws=10).people[:1]
    assert rank_correlations(people, data.curves["all people"].accuracy[None])[0] < -0.5


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="people must name the folder"):
        EXPERIMENTS["reaction_time"](Setting({"net": cordsnet.create_model("cordsnet_r2_small", in_channels=1)}))
    with pytest.raises(ValueError, match="stay_ms must be between"):
        ReactionTimeOptions(stay_ms=30.0)
    with pytest.raises(ValueError, match="read_ms must be a multiple of 50"):
        ReactionTimeOptions(read_ms=120.0)


def test_static_models_are_refused():
    with pytest.raises(ValueError, match="answers at once and has no dynamics"):
        EXPERIMENTS["reaction_time"].check({"cnn": cordsnet.create_model("cnn_r2_small", in_channels=1)})
