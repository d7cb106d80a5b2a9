"""A run that is stopped in any stage, or whose files are torn, goes on where it was and ends with the same bits."""

import os
import shutil
import signal
import warnings

import pytest
import torch
from tiny import every_stage

from cordsnet import CheckpointError, RunError, load_model
from cordsnet.errors import InterruptionError
from cordsnet.training import fit
from cordsnet.training.checkpoints import newest_checkpoint
from cordsnet.training.loop import TrainingModule
from cordsnet.training.stages import gauss_newton

UPDATES = 4
TRAINED = ("cnn", "inverse", "imitate", "settled", "anneal", "direct")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)

SENT = [
    *((number, stage) for number in SIGNALS for stage in ("direct", "gauss_newton")),
    *((signal.SIGTERM, stage) for stage in TRAINED if stage != "direct"),
]
"""Every signal in both kinds of loop, Lightning's and that of Gauss-Newton, and one in the other stages."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    fit(every_stage(UPDATES), folder, progress=False)
    return folder


def assert_same_weights(folder, other, stages=None):
    for stage in stages or [stage.name for stage in every_stage(UPDATES).stages]:
        found, wanted = load_model(folder / stage).state_dict(), load_model(other / stage).state_dict()
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            assert torch.equal(found[name], value), f"{stage}: {name}"


def before(folder, finished, stage):
    """A run of which all stages before one are finished."""
    recipe = every_stage(UPDATES)
    shutil.copytree(finished, folder, dirs_exist_ok=True)
    names = [one.name for one in recipe.stages]
    for name in names[names.index(stage) :]:
        shutil.rmtree(folder / name)
    return recipe


def stopped(stage, number, step, folder, finished, monkeypatch):
    """Send a signal to this process while a stage makes one of its steps; returns what was said."""
    recipe, seen = before(folder, finished, stage), []

    def send():
        seen.append(1)
        if len(seen) == step + 1:
            os.kill(os.getpid(), number)

    check_loss, damped_step = TrainingModule.check_loss, gauss_newton.damped_step
    with monkeypatch.context() as patch:
        patch.setattr(TrainingModule, "check_loss", lambda self, loss: send() or check_loss(self, loss))
        patch.setattr(gauss_newton, "damped_step", lambda *words: send() or damped_step(*words))
        with pytest.raises(InterruptionError) as caught:
            fit(recipe, folder, only=stage, progress=False)
    assert caught.value.number == number
    assert not (folder / stage / "result.json").exists()
    assert newest_checkpoint(folder / stage / "checkpoints")[1] == step + 1
    return str(caught.value)


@pytest.mark.parametrize(("number", "stage"), SENT)
def test_a_signal_in_any_stage_saves_and_the_stage_ends_with_the_same_bits(
    number, stage, finished, tmp_path, monkeypatch
):
    handler = signal.getsignal(number)
    unit = "step" if stage == "gauss_newton" else "update"
    said = stopped(stage, number, 1, tmp_path, finished, monkeypatch)
    assert said == f"stopped by signal {number.name} at {unit} 2, which is saved"
    assert signal.getsignal(number) is handler
    fit(every_stage(UPDATES), tmp_path, only=stage, progress=False)
    assert_same_weights(tmp_path, finished, [stage])
    assert not (tmp_path / stage / "checkpoints").exists()


@pytest.mark.parametrize("step", [0, 2, 3, 5])
def test_gauss_newton_goes_on_from_any_step_of_any_area(step, finished, tmp_path, monkeypatch):
    stopped("gauss_newton", signal.SIGTERM, step, tmp_path, finished, monkeypatch)
    calls, damped_step = [], gauss_newton.damped_step
    monkeypatch.setattr(gauss_newton, "damped_step", lambda *words: calls.append(1) or damped_step(*words))
    fit(every_stage(UPDATES), tmp_path, only="gauss_newton", progress=False)
    assert len(calls) == 2 * 3 - (step + 1)  # two areas of three steps
    assert_same_weights(tmp_path, finished, ["gauss_newton"])


def test_ctrl_c_pressed_twice_stops_at_once(finished, tmp_path, monkeypatch):
    recipe = before(tmp_path, finished, "direct")

    def press_twice(self, loss):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        return loss

    monkeypatch.setattr(TrainingModule, "check_loss", press_twice)
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, tmp_path, only="direct", progress=False)


def files_of(run, stage):
    """The files on which a stage depends: those of the run, its own, and those of the stage that it starts from."""
    start = every_stage(UPDATES).stage(stage).start
    parts = [run.glob("*"), (run / stage).rglob("*"), (run / start).glob("*")]
    return sorted(path for part in parts for path in part if path.is_file() and path.name != ".lock")


@pytest.mark.parametrize("stage", ["direct", "gauss_newton"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_no_torn_file_discards_a_whole_checkpoint(share, stage, finished, tmp_path, monkeypatch):
    """Each file is cut in turn: the run ends with the same bits, or names the file and keeps the checkpoints."""
    whole = tmp_path / "whole"
    stopped(stage, signal.SIGTERM, 1, whole, finished, monkeypatch)
    for k, path in enumerate(files_of(whole, stage)):
        torn = tmp_path / str(k) / path.relative_to(whole)
        shutil.copytree(whole, tmp_path / str(k))
        torn.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
        kept = [p.name for p in (tmp_path / str(k) / stage / "checkpoints").glob("*.ckpt")]
        refusal = ""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                fit(every_stage(UPDATES), tmp_path / str(k), only=stage, progress=False)
            except (RunError, CheckpointError) as error:
                refusal = str(error)
        if refusal:
            assert torn.name in refusal, torn
            assert [p.name for p in (tmp_path / str(k) / stage / "checkpoints").glob("*.ckpt")] == kept
            continue
        assert_same_weights(tmp_path / str(k), finished, [stage])
        newest = torn.suffix == ".ckpt" and torn.name == max(kept)  # an older one is not read
        note = torn.name == "started.txt" and torn.parent.name == stage
        if newest or note or torn.name == "record.json":
            assert any(torn.name in str(one.message) for one in caught), torn
        shutil.rmtree(tmp_path / str(k))


def test_checkpoints_of_other_settings_are_not_used(finished, tmp_path, monkeypatch):
    stopped("direct", signal.SIGTERM, 1, tmp_path, finished, monkeypatch)
    other = every_stage(UPDATES + 2)
    checkpoints = tmp_path / "direct" / "checkpoints"
    (tmp_path / "direct" / "started.txt").write_text("")  # torn, so that only the names of checkpoints tell
    assert newest_checkpoint(checkpoints, "0" * 64) is None
    with pytest.raises(RunError, match="finished with other settings"):
        fit(other, tmp_path, progress=False)
    assert newest_checkpoint(checkpoints)


@pytest.mark.parametrize("stage", ["cnn", "gauss_newton", "direct"])
def test_results_that_were_changed_by_hand_are_noticed(stage, finished, tmp_path):
    recipe = every_stage(UPDATES)
    shutil.copytree(finished, tmp_path / "run")
    result = tmp_path / "run" / stage / "result.json"
    whole = result.read_text()
    result.write_text(whole.replace('"test_accuracy": 0.', '"test_accuracy": 0.9'))
    assert result.read_text() != whole
    with pytest.raises(RunError, match=rf"{stage}/result.json was changed after.*--restart {stage}"):
        fit(recipe, tmp_path / "run", progress=False)
    result.write_text(whole)
    weights = tmp_path / "run" / stage / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    with pytest.raises(RunError, match=rf"{stage}/model.safetensors was changed after"):
        fit(recipe, tmp_path / "run", progress=False)


def test_a_second_run_in_the_same_folder_is_told_who_is_there(finished, tmp_path, monkeypatch):
    recipe, said = before(tmp_path, finished, "direct"), []
    check_loss = TrainingModule.check_loss

    def meanwhile(self, loss):
        if not said:
            with pytest.raises(RunError, match="is in use by another run of this process") as caught:
                fit(recipe, tmp_path, progress=False)
            said.append(str(caught.value))
        return check_loss(self, loss)

    monkeypatch.setattr(TrainingModule, "check_loss", meanwhile)
    fit(recipe, tmp_path, only="direct", progress=False)
    assert said
