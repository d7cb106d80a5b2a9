"""A portrait of small networks, and the command that draws it."""

import json

import pytest
import torch

from cordsnet import create_model
from cordsnet.cli import main
from cordsnet.experiments.portrait import PortraitSettings, portrait
from cordsnet.models import save_model
from cordsnet.report.portrait import write_portrait
from oracles import FEEDBACK, one_area, random_images, randomised

QUICK = PortraitSettings(eigenvalues=4, patterns=2, states=1, starts=3, exponents=1, image_ms=40.0)


@pytest.fixture(scope="module")
def found():
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=3, width=2, image_size=8).double()
    images = torch.randn(3, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    heard = []
    result = portrait(
        model, images, torch.arange(3), QUICK, lambda label, done, total: heard.append((label, done, total))
    )
    return model, images, result, heard


def test_every_part_is_there(found):
    model, _, result, heard = found
    assert result.skipped == {}
    assert [(one.where, one.area) for one in result.areas] == [
        (where, area) for where in ("blank", "image 1") for area in model.areas
    ]
    assert set(result.attractors) == set(result.exponents) == {"blank", "image 1"}
    assert result.regime.regime.value == "monostable"
    assert result.certificate is not None
    assert heard[-1][1] == heard[-1][2] == len(heard) - 1


def test_the_slowest_mode_is_that_of_the_matrix(found):
    from cordsnet.analysis import jacobian

    model, images, result, _ = found
    for one in result.areas:
        image = None if one.where == "blank" else images[:1]
        dense = jacobian(model, image=image, area=one.area).to_dense()
        wanted = torch.linalg.eigvals(dense).real.max()
        assert float(one.slowest.values.real[0]) == pytest.approx(float(wanted), rel=1e-4)
        assert float(one.constants.decay_ms[0]) == pytest.approx(float(10 / (1 - wanted)), rel=1e-3)


def test_a_stable_network_has_one_fixed_point_and_no_growth(found):
    _, _, result, _ = found
    for where, points in result.attractors.items():
        assert len(points) == 1
        assert bool(points.stable[0])
        assert float(result.exponents[where].exponents[0]) < 0


def test_the_report_holds_every_eigenvalue(found, tmp_path):
    _, _, result, _ = found
    page = write_portrait(result, tmp_path)
    text = page.read_text()
    for words in ("Certificate", "Spectra", "Time constants", "monostable", "Amplified patterns"):
        assert words in text
    assert "Not measured" not in text
    rows = json.loads((tmp_path / "spectra.json").read_text())["eigenvalues"]
    assert len(rows) == sum(len(one.largest.values) + len(one.slowest.values) for one in result.areas)
    assert {"residual", "condition", "status"} <= set(rows[0])


def test_what_does_not_apply_is_said(tmp_path):
    model = randomised(FEEDBACK)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("original0") and ("recurrent" in name or "links" in name):
                parameter.mul_(0.15)
    result = portrait(model, random_images(FEEDBACK, 2), None, QUICK)
    assert set(result.skipped) == {"certificate"}
    page = write_portrait(result, tmp_path).read_text()
    assert "Not measured" in page


def test_the_command_prints_the_answers(tmp_path, capsys):
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=10, width=2, image_size=8)
    save_model(model, tmp_path / "model")
    words = ["analyze", str(tmp_path / "model"), "--trials", "3", "--output", str(tmp_path / "out"), "--quiet"]
    quick = ["--eigenvalues", "3", "--patterns", "1", "--states", "1", "--starts", "2", "--exponents", "1"]
    assert main([*words, *quick, "--image_ms", "40"]) == 0
    said = capsys.readouterr().out
    assert "regime: " in said
    assert "report: " in said
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--states", "0"], "states must be at least 1"),
        (["--tol", "-1"], "tol"),
        (["--device", "gpu"], "device must be"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(words, error, capsys, tmp_path):
    assert main(["analyze", str(tmp_path), *words]) == 2
    said = capsys.readouterr().err
    assert error in said
    assert said.count("\n") == 1


def test_a_network_that_explodes_is_labelled_and_the_rest_says_why(tmp_path):
    model = randomised(one_area())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "recurrent" in name and name.endswith("original0"):
                parameter.fill_(40.0)
    result = portrait(model, random_images(model.spec, 2), None, QUICK)
    assert result.regime.regime.value == "unstable"
    assert not result.certificate.certified
    assert "did not settle" in result.skipped["spectra, image 1"]
    assert result.exponents["image 1"].status.name == "DIVERGED"
    page = write_portrait(result, tmp_path).read_text()
    assert "unstable" in page
    assert "Spectra" not in page
