"""Attacks on networks whose gradient is known, their calibration, and controls that notice a masked gradient."""

import dataclasses

import numpy as np
import pytest
import torch
from leaky_networks import leaky_readers

from cordsnet.data import Split
from cordsnet.data.split import Normalisation
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.questions.adversarial import OWN, AdversarialOptions, check_gradient
from cordsnet.experiments.questions.attacked import FGSM, NOISE, PGD, attack_model, half_strength
from cordsnet.experiments.questions.attacks import LEVELS, Attacker, Pixels, transferred
from cordsnet.experiments.questions.viewing import look
from cordsnet.experiments.questions.worse_images import image_seeds

SHORT = AdversarialOptions(16, (24.0, 64.0), steps=2, restarts=2, image_ms=20.0)


def two_channels(count: int = 16) -> Split:
    """Pixels whose class is the channel that is brighter, by a margin that differs from image to image."""
    labels = torch.arange(count) % 2
    images = torch.full((count, 2, 8, 8), 0.4)
    images[torch.arange(count), labels] += torch.linspace(0.04, 0.36, count)[:, None, None]
    return Split(images, labels).take(count)


def attacker_of(model, split: Split) -> Attacker:
    return Attacker(look(model, split, 40.0), Pixels.of_split(split))


def test_the_gradient_of_a_leaky_reader_lowers_its_channel_and_raises_the_other():
    model, _ = leaky_readers()
    split = two_channels()
    gradient = attacker_of(model, split).gradient(split.images, split.labels, image_seeds(split))
    own = torch.arange(16), split.labels
    assert (gradient[own] < 0).all()
    assert (gradient[torch.arange(16), 1 - split.labels] > 0).all()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_gradient_through_time_agrees_with_finite_differences():
    model, _ = leaky_readers(0.1)
    model = model.double()
    split = dataclasses.replace(two_channels(2), pixels=two_channels(2).pixels.double(), dtype=torch.float64)
    attacker, seeds = attacker_of(model, split), image_seeds(split)
    images = split.images

    def margin(shown: torch.Tensor) -> torch.Tensor:
        scores = attacker.viewing.scores(attacker.viewing.held(shown), seeds)
        return scores[torch.arange(2), 1 - split.labels] - scores[torch.arange(2), split.labels]

    step = torch.zeros_like(images)
    step[:, 0, 3, 4] = 1e-4
    with torch.no_grad():
        expected = (margin(images + step) - margin(images - step)) / 2e-4
    found = attacker.gradient(images, split.labels, seeds)[:, 0, 3, 4]
    assert torch.allclose(found, expected, rtol=1e-5)


def test_strengths_that_mislead_are_those_of_the_margin():
    """Both channels move by epsilon, so that an image is misread where twice epsilon exceeds its margin."""
    model, twin = leaky_readers()
    split = two_channels()
    margin = torch.linspace(0.04, 0.36, 16) * LEVELS
    for one in (model, twin):
        attacker = attacker_of(one, split)
        for epsilon in (8.0, 24.0, 40.0):
            expected = (2 * epsilon < margin).tolist()
            assert attacker.survive(split, attacker.fgsm(epsilon)).tolist() == expected
            assert attacker.survive(split, attacker.pgd(epsilon, 5)).tolist() == expected
        assert attacker.survive(split, attacker.noise(8.0)).float().mean() > 0.8


def test_attacks_stay_within_their_strength_and_the_range_of_pixels():
    model, _ = leaky_readers()
    images = torch.rand(6, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    known = Normalisation((0.3, 0.5), (0.2, 0.4))
    split = Split(images, torch.arange(6) % 2, normalise=known).take(6)
    attacker, seeds = attacker_of(model, split), image_seeds(split)
    for attack in (attacker.fgsm(20.0), attacker.pgd(20.0, 3), attacker.noise(20.0)):
        pixels = attacker.pixels.of(attack(split.images, split.labels, seeds))
        away = (pixels - images).abs().max()
        assert 15 / LEVELS < away <= 20 / LEVELS + 1e-6
        assert pixels.min() >= -1e-6
        assert pixels.max() <= 1 + 1e-6
    one, other = (attacker.pgd(20.0, 1, start)(split.images, split.labels, seeds) for start in (0, 1))
    assert not torch.equal(one, other)
    wide = Split(images * 9 - 4, split.labels)
    assert not Pixels.of_split(wide).bounded


def test_results_do_not_depend_on_how_many_images_are_attacked_together():
    model, _ = leaky_readers(0.1)
    split = two_channels()
    attacker = attacker_of(model, split)
    for attack in (attacker.pgd(24.0, 3), attacker.noise(64.0)):
        together, three = (attacker.survive(split, attack, together=count) for count in (16, 3))
        assert torch.equal(together, three)
    part = split.pick(torch.tensor([3, 8]))
    whole = attacker.pgd(24.0, 3)(split.images, split.labels, image_seeds(split))
    alone = attacker.pgd(24.0, 3)(part.images, part.labels, image_seeds(part))
    assert torch.allclose(alone, whole[[3, 8]], atol=1e-6)


def test_an_attack_is_transferred_in_pixels():
    model, twin = leaky_readers()
    split = two_channels()
    other = dataclasses.replace(split, normalise=Normalisation((0.2, 0.2), (0.5, 0.5)))
    source, target = attacker_of(twin, other), attacker_of(model, split)
    attack = transferred(source, target, source.fgsm(24.0))
    made = attack(split.images, split.labels, image_seeds(split))
    assert float((made - split.images).abs().max()) == pytest.approx(24 / LEVELS, abs=1e-5)
    assert target.survive(split, attack).tolist() == target.survive(split, target.fgsm(24.0)).tolist()


def test_the_calibrated_strength_is_interpolated_halfway_to_chance():
    epsilons = np.array([0.0, 10.0, 20.0, 40.0])
    accuracy = np.array([[0.9, 0.7, 0.3, 0.1], [0.9, 0.9, 0.8, 0.7], [0.1, 0.1, 0.0, 0.0], [0.9, 0.5, 0.5, 0.1]])
    found = half_strength(accuracy, epsilons, 0.1)
    assert found[0] == pytest.approx(15.0)
    assert np.isnan(found[1:3]).all()  # never halfway; no better than chance to begin with
    assert found[3] == pytest.approx(10.0)


def test_claims_of_an_honest_and_of_a_masked_model():
    ones, zeros = np.ones(100), np.zeros(100)
    half = np.arange(100) % 2 * 1.0
    honest = {NOISE: ones, FGSM: np.maximum(half, np.arange(100) % 3 == 0), PGD: half, "twice the steps": half}
    honest |= {"restarts": half, "whole range": zeros}
    masked = {NOISE: half, FGSM: zeros, PGD: half, "twice the steps": ones, "restarts": zeros, "whole range": half}
    for controls, verdict in ((honest, "holds"), (masked, "fails")):
        measured = check_gradient(controls)
        verdicts = {claim.name: claim.found(measured[claim.name]).verdict for claim in OWN}
        if verdict == "fails":  # noise as good as the gradient has an interval about zero
            assert verdicts.pop("gradient_beats_noise") == "undecided at this scale"
        assert set(verdicts.values()) == {verdict}


def test_a_model_that_cannot_be_calibrated_says_why():
    model, _ = leaky_readers()
    strong = attack_model(model, two_channels(), dataclasses.replace(SHORT, epsilons=(0.5,)))
    assert np.isnan(strong.half)
    assert "give larger epsilons" in strong.notes[-1]
    split = two_channels()
    wrong = attack_model(model, dataclasses.replace(split, labels=1 - split.labels), SHORT)
    assert np.isnan(wrong.half)
    assert not any("give larger epsilons" in note for note in wrong.notes)  # larger ones would not help
    assert strong.silent == 0.0


def test_pairs_are_compared_and_the_order_of_models_changes_nothing():
    model, twin = leaky_readers()
    split, models = two_channels(), {"net": model, "cnn": twin}
    run = EXPERIMENTS["adversarial"]
    results = [run(Setting(dict(some), split), SHORT) for some in (models.items(), reversed(models.items()))]
    for table in ("adversarial", "strength", "controls"):
        for label in models:
            rows = [sorted(map(str, result.rows(table, model=label))) for result in results]
            assert rows[0] == rows[1]
    # both read the same margin, so that neither needs the stronger attack
    claim = results[0].claim("needs_stronger_attack", "net against cnn")
    assert claim.value == pytest.approx(0.0, abs=1e-3)
    assert claim.verdict != "holds"
    assert results[0].claim("own_beats_transfer").value == 0.0
    assert {claim.subject for claim in results[0].claims} == {"net", "net against cnn"}


@pytest.mark.parametrize(
    "wrong",
    [{"epsilons": ()}, {"epsilons": (2.0, 1.0)}, {"epsilons": (256.0,)}, {"steps": 0}, {"restarts": 1}],
)
def test_bad_options_are_refused(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        AdversarialOptions(**wrong)
