"""What networks are shown by default, how it is normalised, and what each model of the table can be asked for."""

import pytest
import torch
from PIL import Image

from cordsnet import create_model
from cordsnet.data import Split, load_data
from cordsnet.errors import DataWarning
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.needs import classifies_images, dynamics, rate_equation
from cordsnet.experiments.portrait import PortraitOptions
from cordsnet.experiments.subjects import images_and_notes, images_of, load_subjects
from cordsnet.models import MODELS, save_model
from cordsnet.testing.rows import representatives

TINY = PortraitOptions(
    trials=2, eigenvalues=2, patterns=1, states=1, starts=2, exponents=1, followed_tau=5, image_ms=20.0
)


DEEP = [
    f"{family}_r{depth}{size}"
    for family in ("cordsnet", "cordsnet_top", "dtcnn")
    for depth in (4, 6, 8)
    for size in ("", "_small")
    if (family, depth) != ("cordsnet", 4)
]


def saved(folder, data, channels=1, classes=10, **options):
    model = create_model("cordsnet_r2_small", in_channels=channels, num_classes=classes, width=2, **options)
    save_model(model, folder, {} if data is None else {"data": data})
    return str(folder)


DIGITS = [str(k) for k in range(10)]


def described(name, channels=1, classes=10):
    return {
        "name": name,
        "mean": [0.5] * channels,
        "std": [0.1] * channels,
        "classes": [f"c{k}" for k in range(classes)],
    }


@pytest.mark.parametrize("name", ["mine", "pets", "digits2", "./pets", "", None])
def test_a_network_of_other_data_is_shown_nothing_by_default(tmp_path, name):
    folder = saved(tmp_path / "net", {**described("x"), "name": name})
    with pytest.raises(ValueError, match=r"give its images with --data") as caught:
        load_subjects([folder])
    assert not name or repr(name) in str(caught.value)


def test_images_are_normalised_as_those_that_the_network_was_trained_on(tmp_path):
    folder = saved(tmp_path / "net", described("mine") | {"classes": DIGITS})
    subjects = load_subjects([folder], "digits")
    split = images_of(subjects)["net"]
    assert (split.normalise.mean, split.normalise.std) == ((0.5,), (0.1,))
    assert "normalised as those of mine" in images_and_notes(subjects)[1]["net"][-1]
    own = saved(tmp_path / "own", None)
    subjects = load_subjects([own])
    assert "does not say what it was trained on" in images_and_notes(subjects)[1]["own"][0]


@pytest.mark.parametrize(
    ("channels", "classes", "words"), [(3, 10, r"1 channel\(s\).*reads 3"), (1, 4, "10 classes.*trained on 4")]
)
def test_data_that_do_not_fit_are_refused(tmp_path, channels, classes, words):
    folder = saved(tmp_path / "net", described("mine", channels, classes), channels, classes)
    with pytest.raises(ValueError, match=words):
        images_of(load_subjects([folder], "digits"))


def test_classes_in_another_order_are_matched_by_name(tmp_path):
    own = {**described("mine"), "classes": DIGITS[::-1]}
    subjects = load_subjects([saved(tmp_path / "net", own)], "digits")
    split = images_of(subjects)["net"]
    plain = load_data("digits", 16).test
    assert split.labels.tolist() == (9 - plain.labels).tolist()
    assert any("matched by name" in note for note in images_and_notes(subjects)[1]["net"])


def test_other_classes_of_the_same_number_are_told(tmp_path):
    subjects = load_subjects([saved(tmp_path / "net", described("mine"))], "digits")
    with pytest.warns(DataWarning, match=r"classes that network 'net' was not trained on \(0, 1, 2, 3, 4 and 5 more\)"):
        images_of(subjects)


def test_networks_of_images_that_are_not_square(tmp_path):
    folder = saved(tmp_path / "net", described("mine") | {"classes": DIGITS}, image_size=(16, 24))
    split = images_of(load_subjects([folder], "digits"))["net"]
    assert split.shape == (1, 16, 24)
    assert torch.equal(split.pixels, load_data("digits", 24).test.pixels[:, :, 4:20])


@pytest.mark.parametrize("source", ["cordsnet_r2_small@digits", "cordsnet_r2_small"])
def test_names_and_their_data(source):
    (label,) = subjects = load_subjects([source])
    assert subjects[label].data == "digits"
    notes = images_and_notes(subjects)[1][label]
    assert any("random weights" in note for note in notes) == ("@" not in source)
    assert images_of(subjects)[label].normalise.mean == pytest.approx(load_data("digits", 8).mean, rel=0.2)


def test_folders_of_images(tmp_path):
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            for k in range(3):
                path = tmp_path / "pets" / split / name / f"{k}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("L", (20, 20), 40 * k).save(path)
    folder = saved(tmp_path / "net", described("pets", 1, 2) | {"classes": ["cat", "dog"]}, 1, 2, image_size=8)
    split = images_of(load_subjects([folder], str(tmp_path / "pets")))["net"]
    assert split.shape[1:] == (8, 8)


@pytest.mark.parametrize("name", sorted(set(representatives(list(MODELS)).values())))
def test_every_model_of_the_table_gives_numbers_or_says_what_it_cannot_do(name):
    model = create_model(name, **MODELS[name].tiny)
    draw = torch.Generator().manual_seed(0)
    shape = model.input_shape if "image" in model.inputs else (1, 4, 4)
    setting = Setting({"net": model}, Split(torch.rand(2, *shape, generator=draw), torch.tensor([0, 1])))
    portrait = EXPERIMENTS["portrait"]
    if name in DEEP:  # the same code as for the others, for minutes
        portrait.check({"net": model})
        return
    if not rate_equation(model) and "scores" in model.outputs:
        result = portrait(setting, TINY)
        assert len(result.rows("areas")) == 2 * len(model.areas)
        assert result.rows("regime")
        note = next(row["note"] for row in result.rows("notes") if row["note"].startswith("shown "))
        times = (f"dt {model.dt_ms:g} ms", f"tau {model.spec.tau_ms:g} ms")
        assert all(word in note for word in ("2 test images", "classes 0, 1", "float32", *times))
        return
    if not dynamics(model) and not classifies_images(model):
        portrait.check({"net": model})  # test_portrait.py measures models of steps, in minutes for all of them
    else:
        with pytest.raises(ValueError, match=r"experiment 'portrait' cannot be run with 'net': it (has|reads|answers)"):
            portrait(setting, TINY)
    for other in ("time_course", "steppers", "precision", "noise", "second_image"):
        row = EXPERIMENTS[other]
        lacks = [need(model) for need in row.needs if need(model)]
        if lacks:
            with pytest.raises(ValueError, match="cannot be run with 'net': it"):
                row.check({"net": model})
