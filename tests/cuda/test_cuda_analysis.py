"""Flows, regimes, the geometry of activity and the portrait, on a GPU against the CPU."""

import copy
import dataclasses
import math

import pytest
import torch
from beside_cpu import DEVICE, NEEDS_GPU, alike, calm, moved, normal
from flow_examples import line

from cordsnet import simulate
from cordsnet.analysis import (
    FunctionFlow,
    MatrixOperator,
    NetworkFlow,
    RateFlow,
    RegimeSettings,
    Status,
    cca,
    classify_flow,
    classify_regime,
    continue_fixed_point,
    dsa,
    eigenvalues,
    fixed_points,
    geometry,
    lyapunov_spectrum,
    mode_map,
    participation_ratio,
    principal_components,
    procrustes,
    sample_starts,
    slow_points,
    time_constants,
)
from cordsnet.cli import main
from cordsnet.data import Split
from cordsnet.experiments import EXPERIMENTS, Setting, read_result
from cordsnet.experiments.portrait import PortraitOptions
from cordsnet.experiments.portrait.areas import REAL_PART
from cordsnet.models import build, save_model
from cordsnet.report import write_result
from cordsnet.stimuli import show
from oracles import CASCADE, DELAYS, FEEDBACK, random_images, tiny_r

pytestmark = NEEDS_GPU
QUICK = PortraitOptions(
    trials=3, eigenvalues=3, patterns=1, states=1, starts=2, exponents=1, followed_tau=50, image_ms=40.0
)
TINY = dataclasses.replace(tiny_r(2, 8), dt_ms=5.0, num_classes=10)


def double_well(device):
    return FunctionFlow(lambda s: torch.stack([s[..., 0] - s[..., 0] ** 3, -s[..., 1]], -1), (2,), device=device)


def rates(device, units=12, gain=1.5, tau_ms=10.0):
    """A random network with tanh units."""
    bias = 0.1 * normal(units, seed=5).to(device)
    return RateFlow(MatrixOperator(gain * normal(units, units).to(device) / math.sqrt(units)), bias, "tanh", tau_ms)


def test_fixed_points_are_those_of_the_cpu():
    starts = normal(8, 2)
    found, wanted = (fixed_points(double_well(device), starts.to(device)) for device in (DEVICE, "cpu"))
    assert found.points.device.type == DEVICE
    assert len(found) == len(wanted) == 3
    alike(found.points.sum(0), wanted.points.sum(0), 1e-6)
    alike(found.points.abs().sort(0).values, wanted.points.abs().sort(0).values, 1e-6)
    assert int(found.start_counts.sum()) == 8
    assert int(found.stable.sum()) == len(found.points[found.stable]) == 2
    assert bool((found.residual * found.leading.abs() < 1e-8).all())


@pytest.mark.parametrize("spec", [CASCADE, FEEDBACK], ids=lambda spec: spec.name)
def test_a_network_has_the_fixed_point_of_the_cpu(spec):
    model, image = calm(spec), random_images(spec, 1)
    here, there = NetworkFlow(model, image), NetworkFlow(moved(model), image.to(DEVICE))
    x = normal(3, *here.domain).abs()
    alike(there.velocity(x.to(DEVICE)), here.velocity(x))
    alike(there.jacobian(x[0].to(DEVICE)).to_dense(), here.jacobian(x[0]).to_dense())
    alike(there.step(x.to(DEVICE), 2.0), here.step(x, 2.0))
    starts, wanted_starts = sample_starts(there, x.to(DEVICE), 3), sample_starts(here, x, 3)
    alike(starts, wanted_starts)
    found, wanted = fixed_points(there, starts), fixed_points(here, wanted_starts)
    assert len(found) == len(wanted) == 1
    alike(found.points, wanted.points, 1e-6)
    alike(found.leading.real, wanted.leading.real, 1e-4)


def test_newton_uses_products_where_a_matrix_would_be_large():
    here, there = rates("cpu", 320, 0.5), rates(DEVICE, 320, 0.5)
    found, wanted = fixed_points(there, normal(1, 320).to(DEVICE)), fixed_points(here, normal(1, 320))
    assert len(found) == 1
    alike(found.points, wanted.points, 1e-6)


@pytest.mark.usefixtures("as_users_run_it")
@pytest.mark.skipif(DEVICE == "cpu", reason="needs two devices")
def test_states_that_lie_elsewhere_are_refused_by_name():
    with pytest.raises(ValueError, match="starts must be on cuda:0"):
        fixed_points(double_well(DEVICE), normal(8, 2))


def test_slow_points_are_found():
    here = line()
    there = RateFlow(MatrixOperator(here.operator.matrix.to(DEVICE)), 0.0, "identity", 10.0)
    found = slow_points(there, normal(3, 8).to(DEVICE), threshold=1e-2)
    assert found.failed_starts == found.statuses.count(Status.SLOW)
    assert len(found) == 3
    assert float(found.residual.max()) <= 1e-2


def test_exponents_are_those_of_the_cpu():
    asked = {"k": 2, "duration_ms": 200.0, "transient_ms": 20.0, "dt": 2.0, "every": 5}
    found, wanted = (lyapunov_spectrum(rates(d, 12, 0.5), normal(12).to(d), **asked) for d in (DEVICE, "cpu"))
    assert found.status is wanted.status
    alike(found.exponents, wanted.exponents, 1e-6)
    alike(found.trace / found.times_ms[:, None], wanted.trace / wanted.times_ms[:, None], 1e-6)
    assert found.state.device.type == DEVICE


def test_branches_and_folds_are_those_of_the_cpu():
    def branch(device):
        def flow(p):
            return FunctionFlow(lambda s: p + s - s**3, (1,), device=device)

        start = torch.tensor([-1.3], dtype=torch.float64, device=device)
        return continue_fixed_point(flow, start, (-1.0, 1.0), step=0.2, tol=1e-4)

    found, wanted = branch(DEVICE), branch("cpu")
    assert [one.kind for one in found.bifurcations] == [one.kind for one in wanted.bifurcations] == ["fold", "fold"]
    alike(found.values, wanted.values, 1e-6)
    alike(found.points, wanted.points, 1e-6)
    alike(found.leading, wanted.leading, 1e-6)
    assert found.points.device.type == DEVICE


def test_a_flow_is_in_the_regime_that_the_cpu_finds():
    settings = RegimeSettings(image_ms=10.0, tau_ms=1.0)
    reports = [classify_flow(double_well(d), normal(10, 2).to(d), dt=0.1, settings=settings) for d in (DEVICE, "cpu")]
    assert reports[0].row()["regime"] == reports[1].row()["regime"] == "multistable"
    assert reports[0].row()["geometry"] == reports[1].row()["geometry"]
    alike(reports[0].states, reports[1].states, 1e-6)
    swinging = [FunctionFlow(lambda s: torch.stack([s[..., 1], -s[..., 0]], -1), (2,), device=d) for d in (DEVICE,)]
    settings = dataclasses.replace(settings, max_durations=6, divergence_durations=4)
    assert classify_flow(swinging[0], normal(2, 2).to(DEVICE), dt=0.5, settings=settings).regime.value == "oscillatory"


@pytest.mark.parametrize("spec", [CASCADE, FEEDBACK, DELAYS], ids=lambda spec: spec.name)
def test_a_network_is_in_the_regime_that_the_cpu_finds(spec):
    model, images, labels = calm(spec), random_images(spec, 3), torch.arange(3)
    settings = RegimeSettings(image_ms=40.0, holds=2, max_durations=3, divergence_durations=2)
    wanted = classify_regime(model, images, labels, settings)
    for given in (labels, labels.to(DEVICE)):  # where labels lie makes no difference
        found = classify_regime(moved(model), images.to(DEVICE), given, settings)
        assert found.regime is wanted.regime
        for name in ("response", "drift", "late_accuracy", "settling_ms"):
            alike(getattr(found.evidence, name), getattr(wanted.evidence, name), 1e-6)


def test_shapes_and_words_for_eigenvalues_come_from_tensors_on_either():
    angle = torch.arange(40, dtype=torch.float64) * 2 * math.pi / 40
    points = torch.stack([angle.cos(), angle.sin()], 1)
    assert geometry(points.to(DEVICE)) == geometry(points)
    values = torch.complex(normal(5) - 3, normal(5, seed=1))
    found, wanted = time_constants(values.to(DEVICE), 10.0), time_constants(values, 10.0)
    alike(found.decay_ms, wanted.decay_ms)
    alike(found.frequency_hz, wanted.frequency_hz)
    mode = torch.complex(normal(3, 6, 6), normal(3, 6, 6, seed=1))
    alike(mode_map(mode.to(DEVICE)).energy, mode_map(mode).energy)
    assert mode_map(mode.to(DEVICE)).channel == mode_map(mode).channel


def test_the_geometry_of_activity_is_that_of_the_cpu():
    model, images = calm(CASCADE), random_images(CASCADE, 6)
    here = simulate(model, show(images, 40.0), record="all")
    there = simulate(moved(model), show(images.to(DEVICE), 40.0), record="all")
    for area in model.areas:
        found, wanted = (
            principal_components(there, 2, area, bootstrap=5),
            principal_components(here, 2, area, bootstrap=5),
        )
        alike(found.scores, wanted.scores, 1e-6)
        alike(found.components, wanted.components, 1e-6)
        alike(found.explained_error, wanted.explained_error, 1e-6)
        alike(participation_ratio(there, area).value, participation_ratio(here, area).value, 1e-6)
    areas, few = tuple(model.areas), {"shuffles": 5, "bootstrap": 5}
    alike(cca(there, there, 2, *areas).cross_validated, cca(here, here, 2, *areas).cross_validated, 1e-6)
    found, wanted = procrustes(there, there, *areas, **few), procrustes(here, here, *areas, **few)
    alike(found.distance.value, wanted.distance.value, 1e-6)
    alike(found.null, wanted.null, 1e-6)


def test_dynamical_similarity_takes_activity_and_work_to_the_gpu():
    pytest.importorskip("DSA")
    x, y = normal(6, 40, 8).cumsum(1), normal(6, 40, 8, seed=1).cumsum(1)
    asked = {"components": 3, "delays": 2, "rank": 3, "score": "wasserstein"}
    wanted = dsa(x, y, **asked)
    alike(dsa(x.to(DEVICE), y.to(DEVICE), **asked).distance.value, wanted.distance.value, 1e-6)
    found = dsa(x.to(DEVICE), y.to(DEVICE), device=DEVICE, **asked)
    alike(found.distance.value, wanted.distance.value, 1e-2)
    assert found.predicted[0] > 0
    assert math.isfinite(dsa(x, y, device=DEVICE, **{**asked, "score": "angular", "iterations": 20}).distance.value)


def test_a_portrait_in_single_precision_is_that_of_the_cpu_in_double(tmp_path):
    model = build(TINY, 0)
    images, labels = random_images(model.spec, 3).float(), torch.arange(3)
    found = EXPERIMENTS["portrait"](Setting({"net": moved(model)}, Split(images, labels)), QUICK)
    assert "skipped" not in found.tables
    assert found.rows("regime")[0]["regime"] == "monostable"
    image = {"blank": None, "image 1": images[:1].double()}
    exact = copy.deepcopy(model).double()
    for row in found.rows("areas"):
        wanted = eigenvalues(_area(exact, image[row["state"]], row["area"]), 3, "LR", method="dense")
        assert row["converged"] == row["pairs"]
        slowest = found.rows("eigenvalues", state=row["state"], area=row["area"], of=REAL_PART)[0]
        alike(torch.tensor(slowest["real"]), wanted.values.real[0], 1e-4)
    page, _ = write_result(found, tmp_path)
    assert "Not measured" not in page.read_text()
    assert read_result(tmp_path) == found


def _area(model, image, area):
    from cordsnet.analysis import jacobian

    return jacobian(model, image=image, area=area)


def test_the_command_runs_where_it_is_told(tmp_path, capsys):
    model = build(TINY, 0)
    save_model(model, tmp_path / "model")
    words = ["analyze", str(tmp_path / "model"), "--trials", "3", "--output", str(tmp_path / "out"), "--quiet"]
    quick = ["--eigenvalues", "3", "--patterns", "1", "--states", "1", "--starts", "2", "--exponents", "1"]
    assert main([*words, *quick, "--followed_tau", "50", "--image_ms", "40", "--device", DEVICE]) == 0
    said = capsys.readouterr().out
    assert "| model | monostable |" in said
    assert "not measured:" not in said
    assert read_result(tmp_path / "out").meta["models"]["model"]["device"].startswith(DEVICE)
