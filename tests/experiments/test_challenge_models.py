"""Models on the challenge set: files are read by condition, known curves have known fits, others are refused."""

import numpy as np
import pytest

import cordsnet
from answers_by_hand import challenge, images, real, write_challenge, write_images
from cordsnet.data.people.images2025 import read_challenge_images
from cordsnet.data.people.maniquet2025 import CATEGORIES, CONDITIONS, read_challenge
from cordsnet.errors import DataError
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.people.challenge_fits import Joined, measure
from cordsnet.experiments.people.challenge_models import ChallengeModelsOptions
from cordsnet.experiments.people.challenge_trials import ChallengeTimes, ChallengeViewer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_images(write_challenge(tmp_path_factory.mktemp("people")))


@pytest.fixture(scope="module")
def data(folder):
    return read_challenge(folder)


def joined(data, curve, masked=None, n=1000, **about):
    """A model whose accuracy in each condition is that of a curve, to within 1/n."""
    curves = {"held": curve, "brief": curve, "masked": curve if masked is None else masked}
    answers = {
        view: (np.arange(n)[:, None] < np.round(n * np.asarray(one))).astype(float) for view, one in curves.items()
    }
    return Joined(data, answers, **({"log10_parameters": 7.5, "recurrent": True, "draws": 200} | about))


def test_images_are_read_by_condition(folder, tmp_path):
    found = read_challenge_images(folder)
    assert found.pixels.shape == (17, 16, 16, 16)
    assert found.category.tolist() == [k for k in range(8) for _ in range(2)]
    assert found.number.tolist() == [1, 2] * 8
    contrast = np.linspace(1, 0.2, 17)
    faded = read_challenge_images(write_images(tmp_path, images(contrast=contrast)))
    bright = faded.pixels.reshape(17, -1).max(1) - 100.0
    assert (np.diff(bright) <= 0).all()  # conditions are in their order, whatever that of the archive


def test_folders_are_read_as_the_archive(folder, tmp_path):
    import zipfile

    with zipfile.ZipFile(folder / "images.zip") as archive:
        archive.extractall(tmp_path)
    assert (read_challenge_images(tmp_path).pixels == read_challenge_images(folder).pixels).all()


def without(name):
    return {key: value for key, value in images().items() if name not in key}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (without("lowpass"), "no images of condition 'scrambling_lowpass'"),
        (without("hp_matched_bus2"), "has bus 2 in one of 'control', 'scrambling_highpass' alone"),
        (without("tree"), "no images of category 'tree'"),
        (images() | {"control/control_dog1.jpg": np.zeros((16, 16), np.uint8)}, "no image of the challenge set"),
        (images() | {"other/control_bus1.jpg": np.zeros((16, 16), np.uint8)}, "no image of the challenge set"),
        (images() | {"control/control_bus1.jpg": np.zeros((20, 16), np.uint8)}, "must have one size"),
        (images() | {"control/control_bus1.jpg": np.zeros((600, 16), np.uint8)}, "more than 512"),
    ],
)
def test_other_images_are_refused(found, said, tmp_path):
    with pytest.raises(DataError, match=said):
        read_challenge_images(write_images(tmp_path, found))
    (tmp_path / "images.zip").write_bytes(b"\x80\x04never unpickled")
    with pytest.raises(DataError, match="damaged"):
        read_challenge_images(tmp_path)


def test_a_model_like_people_fits_them_and_one_unlike_them_does_not(data):
    people = data.curves["all people"].accuracy
    like, unlike = (measure(joined(data, curve)) for curve in (people, 1.5 - people))
    assert np.isclose(like["fits_people"].value, 1, atol=1e-4)
    assert np.isclose(unlike["fits_people"].value, -1, atol=1e-4)
    assert np.isclose(like["reaches_the_ceiling"].value, 1 - 0.98, atol=1e-4)
    assert np.isclose(like["fits_as_published_networks"].value, 1 - 0.7, atol=1e-4)
    assert np.isclose(like["control_is_read"].value, people[0] - 1 / 8, atol=1e-3)


def test_costs_of_a_mask_are_compared_by_condition(data):
    people = data.curves["without mask"].accuracy
    cost = np.linspace(0, 0.2, 17)
    found = measure(joined(data, people, people - cost))
    assert np.isclose(found["mask_costs"].value, 0.1, atol=1e-3)
    assert np.isnan(found["mask_costs_as_people"].value)  # the people by hand lose alike in all conditions


def test_a_curve_that_does_not_vary_has_no_fit(data):
    found = measure(joined(data, np.full(17, 0.5)))
    assert np.isnan(found["fits_people"].value)
    assert np.isnan(found["recurrence_predicts_fit_with_the_model"].value)


@pytest.mark.parametrize(("fit", "sign"), [(0.95, 1), (0.2, -1)])
def test_a_recurrent_model_off_the_line_of_size_decides_the_partial_correlation(fit, sign, tmp_path):
    fits = {
        name: (10**size, 0.1 * size) for name, size in {"cornet_z": 5, "vgg16_bn": 8, "bd": 7, "cornet_zd": 6}.items()
    }
    data = read_challenge(write_challenge(tmp_path, challenge(fits)))
    people = data.curves["all people"].accuracy
    z = (people - people.mean()) / people.std()
    w = z**2 - (z**2).mean()
    curve = 0.5 + 0.06 * (fit * z + np.sqrt(1 - fit**2) * w / w.std())
    found = measure(joined(data, curve, n=20_000, log10_parameters=6.5))["recurrence_predicts_fit_with_the_model"]
    assert np.isclose(found.value, sign, atol=0.02)
    assert found.n == 5


def test_photographs_are_read_in_every_condition_and_blanks_are_guesses(folder):
    found = read_challenge_images(folder)
    model = cordsnet.create_model("convgru_small", in_channels=1, num_classes=3, image_size=16).eval()
    found.pixels[16] = 100  # nothing is shown
    answers = ChallengeViewer(model, found, ChallengeTimes(50.0, 100.0), folds=2).see()
    assert set(answers) == {"held", "brief", "masked"}
    assert answers["held"].shape == (16, 17)
    assert answers["held"][:, :16].mean() > 0.9
    assert np.allclose(answers["held"][:, 16], 1 / 8)
    static = cordsnet.create_model("cnn_r2_small", in_channels=1, num_classes=3, image_size=16).eval()
    answers = ChallengeViewer(static, found, ChallengeTimes(50.0, 100.0), folds=2).see()
    assert set(answers) == {"held"}
    assert answers["held"][:, :16].mean() > 0.9


def test_rows_of_a_model_do_not_depend_on_other_models(folder):
    options = ChallengeModelsOptions(str(folder), read_ms=150.0, folds=2, draws=100)
    one, other = (
        cordsnet.create_model(name, in_channels=1, num_classes=3, image_size=8)
        for name in ("cnn_r2_small", "hgru_small")
    )
    both = EXPERIMENTS["challenge_models"](Setting({"other": other, "one": one}), options)
    alone = EXPERIMENTS["challenge_models"](Setting({"one": one}), options)
    for table in ("challenge_models", "fits"):
        assert both.rows(table, model="one") == alone.rows(table, model="one")
    assert {row["condition"] for row in alone.rows("challenge_models")} == set(CONDITIONS)
    assert not alone.rows("fits")[0]["recurrent"]
    assert both.rows("fits", model="other")[0]["recurrent"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"image_ms": 500.0}, "image_ms and read_ms must be"),
        ({"image_ms": 33.0}, "multiples of 50 ms"),
        ({"photographs": -1}, "photographs must be"),
    ],
)
def test_other_options_are_refused(changes, said, folder):
    with pytest.raises(ValueError, match=said):
        ChallengeModelsOptions(**changes)
    with pytest.raises(ValueError, match="people must name the folder of human_and_models"):
        EXPERIMENTS["challenge_models"].run(Setting(), ChallengeModelsOptions())
    with pytest.raises(ValueError, match="photographs must be 0 for all, or from 2 to 2, got 1"):
        EXPERIMENTS["challenge_models"].run(Setting(), ChallengeModelsOptions(str(folder), photographs=1))


def test_published_images_are_read():
    found = read_challenge_images(real("challenge_maniquet2025"))
    assert found.pixels.shape == (17, 80, 128, 128)
    assert np.bincount(found.category).tolist() == [10] * len(CATEGORIES)
    control, light = found.pixels[0].astype(float), found.pixels[CONDITIONS.index("occlusion_few_large_deletion_low")]
    own = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(control, light, strict=True)]
    other = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(control, light[1:], strict=False)]
    assert np.median(own) > 0.8 > np.max(other)  # the same number is the same photograph
