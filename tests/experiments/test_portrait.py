"""A portrait of small networks, and the command that draws it."""

import dataclasses

import pytest
import torch

from cordsnet import create_model
from cordsnet.analysis import jacobian
from cordsnet.cli import main
from cordsnet.data import Split
from cordsnet.experiments import EXPERIMENTS, Setting, read_result
from cordsnet.experiments.portrait import PortraitOptions
from cordsnet.experiments.portrait.areas import REAL_PART
from cordsnet.models import save_model
from cordsnet.report import write_result
from oracles import FEEDBACK, one_area, random_images, randomised

QUICK = PortraitOptions(
    trials=3, eigenvalues=4, patterns=2, states=1, starts=3, exponents=1, followed_tau=20, image_ms=40.0
)


def portrait(model, images, labels=None, tell=lambda label, done, total: None, options=QUICK):
    labels = torch.zeros(len(images), dtype=torch.long) if labels is None else labels
    setting = Setting({"net": model}, Split(images, labels), tell=tell)
    return EXPERIMENTS["portrait"](setting, options)


@pytest.fixture(scope="module")
def found():
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=3, width=2, image_size=8).double()
    images = torch.randn(3, 1, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    heard = []
    result = portrait(model, images, torch.arange(3), lambda label, done, total: heard.append((label, done, total)))
    return model, images, result, heard


def test_every_part_is_there(found):
    model, _, result, heard = found
    assert "skipped" not in result.tables
    assert [(row["state"], row["area"]) for row in result.rows("areas")] == [
        (where, area) for where in ("blank", "image 1") for area in model.areas
    ]
    for table in ("fixed_points", "lyapunov"):
        assert {row["state"] for row in result.rows(table)} == {"blank", "image 1"}
    assert result.rows("regime")[0]["regime"] == "monostable"
    assert len(result.rows("certificate")) == len(model.areas)
    assert heard[-1][1] == heard[-1][2] == len(heard) - 1


def test_the_slowest_mode_is_that_of_the_matrix(found):
    model, images, result, _ = found
    for row in result.rows("areas"):
        image = None if row["state"] == "blank" else images[:1]
        dense = jacobian(model, image=image, area=row["area"]).to_dense()
        wanted = float(torch.linalg.eigvals(dense).real.max())
        value = result.rows("eigenvalues", state=row["state"], area=row["area"], of=REAL_PART)[0]
        assert value["real"] == pytest.approx(wanted, rel=1e-4)
        assert row["decay_ms"] == pytest.approx(10 / (1 - wanted), rel=1e-3)


def test_a_stable_network_has_one_fixed_point_and_no_growth(found):
    _, _, result, _ = found
    for state in ("blank", "image 1"):
        (point,) = result.rows("fixed_points", state=state)
        assert point["stability"] == "stable"
        assert result.rows("lyapunov", state=state)[0]["exponent_per_s"] < 0
    for name in ("monostable", "one_fixed_point", "no_chaos"):
        assert result.claim(name).verdict == "holds"
    certified = result.claim("certified")
    assert certified.verdict == ("holds" if certified.value < 1 else "fails")


def test_the_report_holds_every_part(found, tmp_path):
    _, _, result, _ = found
    page, missing = write_result(result, tmp_path)
    text = page.read_text()
    for words in ("Certificate", "Spectra", "Time constants", "monostable", "Amplified patterns"):
        assert words in text
    assert "Does not apply" not in text
    assert missing == ()
    assert read_result(tmp_path) == result
    assert {"residual", "condition", "status"} <= set(result.rows("eigenvalues", of=REAL_PART)[0])


def test_what_does_not_apply_is_said(tmp_path):
    model = randomised(FEEDBACK)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("original0") and ("recurrent" in name or "links" in name):
                parameter.mul_(0.15)
    result = portrait(model, random_images(FEEDBACK, 2))
    assert {row["part"] for row in result.rows("skipped")} == {"certificate"}
    assert result.claim("certified").verdict == "undecided at this scale"
    assert "Does not apply" in write_result(result, tmp_path)[0].read_text()


def test_the_command_prints_the_answers(tmp_path, capsys):
    model = create_model("cordsnet_r2_small", in_channels=1, num_classes=10, width=2, image_size=8)
    save_model(model, tmp_path / "model")
    words = ["analyze", str(tmp_path / "model"), "--trials", "3", "--output", str(tmp_path / "out"), "--quiet"]
    quick = [
        "--eigenvalues",
        "3",
        "--patterns",
        "1",
        "--states",
        "1",
        "--starts",
        "2",
        "--exponents",
        "1",
        "--followed_tau",
        "20",
    ]
    assert main([*words, *quick, "--image_ms", "40"]) == 0
    said = capsys.readouterr().out
    assert "| model | monostable |" in said
    assert "holds: The trained network is monostable. (model)" in said
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
def test_bad_settings_are_refused_in_one_sentence(words, error, capsys):
    assert main(["analyze", "cordsnet_r2_small@digits", *words]) == 2
    said = capsys.readouterr().err
    assert error in said
    assert said.count("\n") == 1


def test_a_network_that_explodes_is_labelled_and_the_rest_says_why(tmp_path):
    model = randomised(one_area())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "recurrent" in name and name.endswith("original0"):
                parameter.fill_(40.0)
    long = dataclasses.replace(QUICK, followed_tau=100)  # until rates are not finite
    result = portrait(model, random_images(model.spec, 2), options=long)
    assert result.rows("regime")[0]["regime"] == "unstable"
    assert result.claim("monostable").verdict == "fails"
    assert result.claim("certified").verdict == "fails"
    reasons = {row["part"]: row["reason"] for row in result.rows("skipped")}
    assert "did not settle" in reasons["spectra, image 1"]
    assert result.rows("lyapunov", state="image 1")[0]["status"] == "diverged"
    page = write_result(result, tmp_path)[0].read_text()
    assert "unstable" in page
    assert "<h2>Spectra" not in page


@pytest.mark.parametrize("name", ["convgru_small", "cornet_s_small"])
def test_a_model_of_steps_is_measured_without_a_rate_equation(name, tmp_path):
    torch.manual_seed(0)
    model = create_model(name, in_channels=1, num_classes=3, image_size=16).double().eval()
    images = torch.randn(3, 1, 16, 16, dtype=torch.float64)
    options = dataclasses.replace(QUICK, image_ms=300.0, followed_tau=100)
    result = portrait(model, images, torch.arange(3), options=options)
    assert {row["part"] for row in result.rows("skipped")} == {"spectra", "amplified image patterns", "certificate"}
    assert not any(row["failed"] for row in result.rows("skipped"))
    for table in ("fixed_points", "lyapunov"):
        assert {row["state"] for row in result.rows(table)} == {"blank", "image 1"}
    assert result.rows("regime")[0]["regime"] == "monostable"
    for row in result.rows("fixed_points"):
        (exponent,) = (other for other in result.rows("lyapunov") if other["state"] == row["state"])
        assert (row["stability"], row["starts"]) == ("stable", QUICK.starts)
        assert exponent["exponent_per_s"] == pytest.approx(1e3 * row["leading_per_ms"], rel=0.1)
    for claim, verdict in {"monostable": "holds", "no_chaos": "holds", "certified": "undecided at this scale"}.items():
        assert result.claim(claim).verdict == verdict
    assert any("a step of" in row["note"] for row in result.rows("notes"))
    page, _ = write_result(result, tmp_path)
    assert "has no rate equation" in page.read_text()
    assert read_result(tmp_path) == result


def test_a_static_model_is_refused():
    model = create_model("cnn_r2_small", in_channels=1, num_classes=3, image_size=16)
    with pytest.raises(ValueError, match="answers at once and has no dynamics"):
        portrait(model, torch.randn(3, 1, 16, 16))
