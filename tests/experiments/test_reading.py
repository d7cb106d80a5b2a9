"""Models that do not read the whole images of a run: a note says so, and claims that need a reader are not measured."""

import dataclasses

import pytest
import torch

from cordsnet.data import Split, load_data
from cordsnet.data.split import Normalisation
from cordsnet.experiments import EXPERIMENTS, Claim, Preset, Result, Setting, experiment
from cordsnet.experiments.claims import FAILS, HOLDS, Measured, above, decide
from cordsnet.experiments.reading import about_pixels, after_control, check_reading, pixel_range, without_readers
from cordsnet.models import create_model

BRIEF = {
    "adaptation": {"image_ms": 40.0, "gaps_ms": (20.0, 40.0)},
    "degraded": {"image_ms": 40.0, "sigmas": (1.0,), "covered": (0.2,)},
    "mixtures": {"image_ms": 40.0, "hold_ms": 40.0, "sweep_ms": (40.0, 80.0), "dominance_ms": 40.0},
    "serial_presentation": {"durations_ms": (10.0, 20.0), "max_lag_ms": 60.0, "before_ms": 20.0},
}
"""Changes that shorten the trials of smoke."""
SAID = "claims that need a network that reads them are not measured"


@pytest.fixture(scope="module")
def digits() -> Split:
    return load_data("digits", 16).test.take(40)


@pytest.fixture(scope="module")
def reader():
    return create_model("cnn_r2_small", pretrained="digits").eval()


def always_three():
    """The model with a read-out that prefers the fourth class to all others."""
    model = create_model("cnn_r2_small", pretrained="digits").eval()
    with torch.no_grad():
        model.wiring.readout.bias[3] = 1e6
    return model


def elsewhere(split: Split) -> Split:
    """The images with labels of other classes."""
    return dataclasses.replace(split, labels=(split.labels + 1) % 10)


def test_a_reader_has_no_note_and_keeps_its_claims(reader, digits):
    found = check_reading("net", reader, digits)
    assert found.reads
    assert found.notes == ()


def test_accuracy_at_or_below_chance_is_told_with_its_numbers(reader, digits):
    found = check_reading("net", reader, elsewhere(digits))
    assert not found.reads
    assert found.notes[0].startswith("net reads whole images not surely better than chance, ")
    assert " of 40 (" in found.notes[0]
    assert "chance 10 %)" in found.notes[0]
    assert found.notes[0].endswith(SAID)
    half = torch.arange(40) % 6 == 0  # about a sixth is right: Wilson's interval includes a tenth
    some = dataclasses.replace(digits, labels=torch.where(half, digits.labels, elsewhere(digits).labels))
    assert not check_reading("net", reader, some).reads
    assert SAID not in check_reading("net", reader, some, claims=False).notes[0]


def test_one_answer_to_all_is_told_even_where_most_images_have_it(digits):
    model = always_three()
    assert "net gives one answer to all whole images, and reads 4 of 40" in check_reading("net", model, digits).notes[0]
    often = dataclasses.replace(digits, labels=torch.where(torch.arange(40) < 39, 3, 2))
    found = check_reading("net", model, often)
    assert not found.reads
    assert "reads 39 of 40" in found.notes[0]
    only = dataclasses.replace(digits, labels=torch.full((40,), 3))
    assert check_reading("net", model, only).reads  # images of one class leave no other answer


def test_images_that_are_all_the_same_are_not_read(reader, digits):
    same = digits.pick(torch.zeros(40, dtype=torch.long))
    labels = dataclasses.replace(same, labels=torch.arange(40) % 10)
    found = check_reading("net", reader, labels)
    assert not found.reads
    assert found.notes[0].startswith("net is shown 40 images that are all the same, and reads 4 of 40")
    assert not check_reading("net", reader, same).reads


def test_pixels_that_are_not_from_0_to_1_or_not_normalised_are_told_once(reader):
    plain = Split(torch.rand(6, 1, 16, 16, generator=torch.Generator().manual_seed(0)), torch.arange(6))
    model = create_model("cnn_r2_small", in_channels=1)

    def said(network, split):
        return about_pixels(network, split, pixel_range(split))

    normalised = dataclasses.replace(plain, normalise=Normalisation((0.5,), (0.25,)))
    loud = dataclasses.replace(plain, pixels=plain.pixels * 255)
    assert said(model, normalised) == said(reader, plain) == ()
    assert "not normalised, and the network does not say" in said(model, plain)[0]
    (one,) = said(model, loud)
    assert "instead of 0 to 1 and not normalised" in one
    (one,) = said(reader, dataclasses.replace(loud, normalise=Normalisation((0.5,), (0.25,))))
    assert one.endswith("instead of 0 to 1")
    assert pixel_range(normalised).low == pytest.approx(float(plain.pixels.min()), abs=1e-6)


def test_pairs_are_withheld_where_either_model_does_not_read():
    claims = (Claim("a", "A.", "s", "m", above(0.0)), Claim("b", "B.", "s", "m", above(0.0)))
    found = {name: Measured(1.0, (0.5, 1.5), 9) for name in "ab"}
    subjects = ("net", "cnn", "net against cnn", "network against cnn", "network")
    all_ = [claim for subject in subjects for claim in decide(claims, found, subject)]
    kept = without_readers(all_, ("a",), ["net"])
    assert [(c.name, c.subject) for c in kept if c.value is None] == [("a", "net"), ("a", "net against cnn")]
    none = without_readers(all_, ("a", "b"), ["cnn"])
    assert {c.subject for c in none if c.value is None} == {"cnn", "net against cnn", "network against cnn"}
    assert all(c.n is None and c.interval is None for c in none if c.value is None)
    assert without_readers(all_, ("a",), []) == tuple(all_)


def test_claims_beside_a_control_that_is_not_above_chance_are_withheld():
    claims = (Claim("read", "R.", "s", "m", above(0.0), of="objects"), Claim("mask", "M.", "s", "m", above(0.0)))
    for interval, kept in (((0.01, 0.3), True), ((0.0, 0.3), False), (None, False)):
        found = {"read": Measured(0.15, interval, 40), "mask": Measured(0.4, (0.3, 0.5), 40)}
        after, notes = after_control(decide(claims, found, "net"), "read", 0.2)
        assert after[0].value == 0.15
        assert after[1].value == (0.4 if kept else None)
        assert [("net" in note, "35 % of 40 objects (chance 20 %)" in note) for note in notes] == [(True, True)] * (
            not kept
        )


def test_every_experiment_of_given_models_names_declared_claims():
    claims, noise = (Claim("a", "A.", "s", "m", above(0.0)),), EXPERIMENTS["noise"]
    with pytest.raises(ValueError, match="names no claim of it: 'b'"):
        experiment("never", options=dict, presets={}, claims=claims, of_readers=("b",), description="Never.")(noise.run)
    assert "never" not in EXPERIMENTS


@pytest.mark.parametrize("name", ["adaptation", "degraded", "mixtures", "serial_presentation"])
def test_verdicts_are_withheld_at_chance(name, digits):
    row = EXPERIMENTS[name]
    models = {"net": create_model("cordsnet_r2_small", pretrained="digits")}
    models |= {"cnn": create_model("cnn_r2_small", pretrained="digits")} if row.paired else {}
    options = dataclasses.replace(row.presets["smoke"].options, **BRIEF[name])
    result = row(Setting(models, elsewhere(digits)), options)
    assert {claim.verdict for claim in result.claims if claim.name in row.of_readers} & {HOLDS, FAILS} == set()
    assert all(claim.value is None for claim in result.claims if claim.name in row.of_readers)
    notes = [note["note"] for note in result.rows("notes") if SAID in note["note"]]
    assert len(notes) == len(models)


def test_an_experiment_of_ones_own_is_noted_too(reader, digits):
    row = dataclasses.replace(
        EXPERIMENTS["noise"], run=lambda setting, _: Result({"n": [{"n": len(setting.images("net", 20))}]}),
        of_readers=(), read_after="", presets={"desk": Preset(object(), 1, 1)}, needs=(),
    )  # fmt: skip
    result = row(Setting({"net": reader}, elsewhere(digits)), EXPERIMENTS["noise"].preset("smoke").options)
    assert "not surely better than chance" in result.rows("notes")[0]["note"]
    assert SAID not in result.rows("notes")[0]["note"]
