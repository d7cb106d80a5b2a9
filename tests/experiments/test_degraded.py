"""Worse images: what they are, and what is found with networks whose behaviour is known."""

import dataclasses

import numpy as np
import pytest
import torch
from leaky_networks import leaky_readers, lit_channels

from cordsnet.analysis.leaky_average import leaky_noise_share
from cordsnet.data import Split
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.questions.degraded import CLAIMS, FIXED, REDRAWN, DegradedOptions, Seen, averaging, see
from cordsnet.experiments.questions.viewing import look, time_constant
from cordsnet.experiments.questions.worse_images import (
    blurred,
    covered_share,
    image_seeds,
    occluded,
    pixel_deviation,
    with_draw,
)
from cordsnet.models import create_model

SHORT = DegradedOptions(10, (1.0,), (0.3,), (0.5,), (0.1,), image_ms=20.0)


def pictures(count: int = 20, side: int = 8) -> Split:
    images = torch.rand(count, 2, side, side, generator=torch.Generator().manual_seed(0))
    return Split(images, torch.arange(count) % 2).take(count)


def test_an_occluder_covers_its_share_of_every_image_in_a_place_of_its_own():
    split = pictures(40, 16)
    images, seeds = split.images, image_seeds(split)
    changed = (occluded(images, 0.25, seeds) != images).any(1)  # [B, H, W]
    assert changed.sum((1, 2)).tolist() == [64] * 40  # 8 x 8 of 16 x 16
    assert covered_share(16, 16, 0.25) == 0.25
    corners = {tuple(one.nonzero()[0].tolist()) for one in changed}
    assert len(corners) > 20
    rows, columns = np.array(list(corners)).T
    assert min(rows) == min(columns) == 0
    assert max(*rows, *columns) == 8
    inside = occluded(images, 0.25, seeds)[0][:, changed[0]]
    assert torch.allclose(inside, images[0].mean((1, 2))[:, None].expand_as(inside))


def test_a_blur_is_a_gaussian_of_its_width_and_keeps_what_is_even():
    image = torch.zeros(1, 1, 65, 65, dtype=torch.float64)
    image[..., 32, 32] = 1.0
    spread = blurred(image, 4 / 65)[0, 0]
    across = spread.sum(0)
    place = torch.arange(65, dtype=torch.float64) - 32
    assert float((across * place**2).sum()) == pytest.approx(16.0, rel=0.02)
    even = torch.full((1, 2, 8, 8), 0.7)
    assert torch.allclose(blurred(even, 0.5), even)


def test_noise_depends_on_image_frame_and_seed_alone():
    split = pictures()
    seeds = image_seeds(split)
    whole = with_draw(split.images, 1.0, seeds, 3)
    assert torch.equal(whole[5:7], with_draw(split.images[5:7], 1.0, seeds[5:7], 3))
    part = split.pick(torch.tensor([9, 2]))
    assert torch.equal(image_seeds(part), seeds[[9, 2]])  # by the row of the image, not its place
    assert not torch.equal(whole, with_draw(split.images, 1.0, seeds, 4))
    assert not torch.equal(seeds, image_seeds(split, 1))
    noise = with_draw(torch.zeros(20, 2, 32, 32), 0.5, seeds, 0)
    assert float(noise.std()) == pytest.approx(0.5, rel=0.02)
    assert pixel_deviation(split) == pytest.approx(float(split.images.std(correction=0)), rel=1e-5)


def test_answers_do_not_depend_on_how_many_images_are_read_together():
    model, _ = leaky_readers(1.0)
    split = lit_channels().take(20)
    viewing = look(model, split, 40.0)
    unit = pixel_deviation(split)

    def noisy(images, seeds):
        return viewing.redrawn(lambda frame: with_draw(images, 40 * unit, seeds, frame))

    together, singly, alone = (viewing.hits(split, noisy, 0, count) for count in (20, 1, 7))
    assert 0 < together.sum() < 20
    assert torch.equal(together, singly)
    assert torch.equal(together, alone)


def test_a_leaky_network_averages_redrawn_noise_and_a_static_one_does_not():
    model, twin = leaky_readers(1.0)
    split = lit_channels().take(20)
    options = DegradedOptions(20, (20.0, 40.0), (), (), (), image_ms=80.0)
    leaky, static = see(model, split, options), see(twin, split, dataclasses.replace(options, image_ms=None))
    assert leaky.whole.tolist() == static.whole.tolist() == [1.0] * 20
    assert averaging(leaky)["redrawn_hurts_less"].value > 0.05
    assert np.array_equal(static.hits[FIXED], static.hits[REDRAWN])  # it sees one frame
    assert leaky.share == leaky_noise_share(2.0, 10.0, 40)
    assert static.share is None
    slow = see(model, split, DegradedOptions(20, (4.0,), (), (), (), image_ms=80.0, frame_ms=20.0))
    assert slow.share == leaky_noise_share(2.0, 10.0, 40, hold=10)
    assert slow.share > leaky.share


def test_a_prediction_that_is_met_exactly_and_one_that_is_missed():
    hits = np.ones((2, 200))
    noise = {FIXED: 0 * hits, REDRAWN: hits}
    met = averaging(Seen(hits[0], noise, hits, 0.5, 9, ()))
    missed = averaging(Seen(hits[0], noise, 0 * hits, 0.5, 9, ()))
    rules = {claim.name: claim for claim in CLAIMS}
    for name in ("reaches_leaky_averaging", "within_leaky_averaging"):
        assert rules[name].found(met[name]).verdict == "holds"
    assert rules["reaches_leaky_averaging"].found(missed["reaches_leaky_averaging"]).verdict == "holds"
    assert rules["within_leaky_averaging"].found(missed["within_leaky_averaging"]).verdict == "fails"
    assert averaging(Seen(hits[0], noise, hits, 0.5, 1, ())) == {}  # one frame is not averaged


def test_rows_do_not_depend_on_the_order_of_models_and_pairs_are_compared():
    model, twin = leaky_readers(1.0)
    other, _ = leaky_readers(0.2)
    split = lit_channels()
    models = {"net": model, "other": other, "cnn": twin}
    run = EXPERIMENTS["degraded"]
    results = [run(Setting(dict(some), split), SHORT) for some in (models.items(), reversed(models.items()))]
    for label in models:
        for table in ("degraded", "robustness", "prediction"):
            assert results[0].rows(table, model=label) == results[1].rows(table, model=label)
    subjects = {claim.subject for claim in results[0].claims}
    assert subjects == {"net", "other", "net against cnn", "other against cnn"}
    alone = run(Setting({"net": model}, split), SHORT)
    assert [alone.claim(name).value for name in (FIXED, "blur")] == [None, None]
    assert alone.claim("redrawn_hurts_less", "net") == results[0].claim("redrawn_hurts_less", "net")


def test_only_models_with_one_time_constant_are_predicted():
    sizes = {"in_channels": 1, "num_classes": 2, "image_size": 16}
    assert time_constant(create_model("cordsnet_r2_small", **sizes)) == (10.0, "")
    assert time_constant(create_model("convlstm_small", **sizes)) == (None, "it has no time constant")
    model = create_model("cordsnet_r2_small", **sizes)
    model.tau_ms = {"area1": 20.0}
    assert time_constant(model) == (None, "its time constants differ, from 10 to 20 ms")
    split = Split(torch.rand(4, 1, 16, 16), torch.arange(4) % 2)
    seen = see(model, split, DegradedOptions(4, (1.0,), (), (), (), image_ms=8.0))
    assert seen.predicted is None
    assert seen.notes[0].startswith("no gain of leaky averaging is predicted")


@pytest.mark.parametrize(
    "wrong",
    [{"sigmas": (0.0,)}, {"covered": (1.0,)}, {"contrasts": (2.0,)}, {"blurs": (0.1, 0.1)}, {"image_ms": 0.0}],
)
def test_bad_options_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        DegradedOptions(**wrong)
    with pytest.raises(ValueError, match="must have a number"):
        DegradedOptions(sigmas=(), covered=(), contrasts=(), blurs=())
