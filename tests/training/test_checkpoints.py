"""Runs that are killed or stopped, or whose checkpoints are damaged, end with the weights of an undisturbed run."""

import errno
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import lightning
import pytest
import torch
from tiny import tiny_recipe

from cordsnet.models import load_model
from cordsnet.training import fit
from cordsnet.training.checkpoints import newest_checkpoint

UPDATES = 10
TRAINED = ("cnn", "inverse", "linear", "anneal", "finetune", "direct")
HERE = Path(__file__).parent
PROGRAM = """
import sys, torch
torch.set_num_threads(1)
from cordsnet import cli
from cordsnet.training import RECIPES
from tiny import tiny_recipe
RECIPES.add("tiny", lambda: tiny_recipe(int(sys.argv[2]), "small_affine"))
sys.exit(cli.main(["train", "tiny", "--quiet", "--output", sys.argv[1]]))
"""


def start(folder):
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{HERE}:{HERE.parent}"}
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(folder), str(UPDATES)]
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def wait_for_checkpoint(process, folder):
    """Wait until the stage in `folder` has a checkpoint or the process has ended."""
    while process.poll() is None and not list((folder / "checkpoints").glob("update_*.ckpt")):
        time.sleep(0.005)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    fit(tiny_recipe(UPDATES, "small_affine"), folder, progress=False)
    return folder


def before(stage, undisturbed, folder):
    """Make a run of which all stages before one are finished."""
    shutil.copytree(undisturbed, folder, dirs_exist_ok=True)
    names = [one.name for one in tiny_recipe().stages]
    for name in names[names.index(stage) :]:
        shutil.rmtree(folder / name)


def assert_same_weights(folder, other):
    for stage in TRAINED:
        found, wanted = load_model(folder / stage).state_dict(), load_model(other / stage).state_dict()
        assert found.keys() == wanted.keys()
        for name, value in wanted.items():
            assert torch.equal(found[name], value), f"{stage}: {name}"


@pytest.mark.timeout(300)
def test_a_run_killed_in_every_stage_ends_with_the_same_bits(undisturbed, tmp_path):
    chance, killed = random.Random(0), []
    for stage in TRAINED:
        process = start(tmp_path)
        wait_for_checkpoint(process, tmp_path / stage)
        time.sleep(chance.uniform(0, 0.1))
        if process.poll() is None:
            process.kill()
            killed.append(stage)
        process.communicate()
    process = start(tmp_path)
    assert process.communicate()[1] == ""
    assert process.returncode == 0
    assert len(killed) >= 4
    assert_same_weights(tmp_path, undisturbed)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_run_saves_and_stops_on_a_signal_and_resumes_later(number, undisturbed, tmp_path):
    before("anneal", undisturbed, tmp_path)
    process = start(tmp_path)
    wait_for_checkpoint(process, tmp_path / "anneal")
    process.send_signal(number)
    errors = process.communicate()[1]
    assert process.returncode == 128 + number
    assert f"stopped by signal {number.name} at update" in errors
    assert "which is saved" in errors
    assert newest_checkpoint(tmp_path / "anneal" / "checkpoints")
    fit(tiny_recipe(UPDATES, "small_affine"), tmp_path, progress=False)
    assert_same_weights(tmp_path, undisturbed)


def interrupted_after(updates, undisturbed, folder, monkeypatch, stage="direct"):
    """Run a stage until it has made a number of updates, then stop without warning, as a crash would."""
    before(stage, undisturbed, folder)
    save = lightning.Trainer.save_checkpoint

    class Stop(BaseException):
        pass

    def stop_then(self, path, *args, **kwargs):
        save(self, path, *args, **kwargs)
        if stage in str(path) and self.global_step >= updates:
            stop_then.armed = True

    stop_then.armed = False
    step = lightning.LightningModule.on_before_zero_grad

    def on_before_zero_grad(self, optimizer):
        if stop_then.armed:
            raise Stop
        return step(self, optimizer)

    with monkeypatch.context() as patch:
        patch.setattr(lightning.Trainer, "save_checkpoint", stop_then)
        patch.setattr(lightning.LightningModule, "on_before_zero_grad", on_before_zero_grad)
        with pytest.raises(Stop):
            fit(tiny_recipe(UPDATES, "small_affine"), folder, progress=False)
    return folder / stage / "checkpoints"


@pytest.mark.parametrize("damage", ["truncated", "overwritten", "empty"])
def test_a_damaged_checkpoint_is_skipped_and_the_one_before_it_used(damage, undisturbed, tmp_path, monkeypatch):
    checkpoints = interrupted_after(4, undisturbed, tmp_path, monkeypatch)
    last = sorted(checkpoints.glob("update_*.ckpt"))[-1]
    content = last.read_bytes()
    half = len(content) // 2
    damaged = {"truncated": content[:half], "overwritten": content[:half] + b"?" + content[half + 1 :], "empty": b""}
    last.write_bytes(damaged[damage])
    with pytest.warns(UserWarning, match="is damaged and is skipped; training continues from the checkpoint before it"):
        fit(tiny_recipe(UPDATES, "small_affine"), tmp_path, progress=False)
    assert_same_weights(tmp_path, undisturbed)


def test_two_checkpoints_are_kept_during_a_stage_and_none_after_it(undisturbed, tmp_path, monkeypatch):
    checkpoints = interrupted_after(8, undisturbed, tmp_path, monkeypatch)
    names = sorted(path.name for path in checkpoints.iterdir())
    assert [name[:16] for name in names] == ["update_000000006", "update_000000008"]
    fit(tiny_recipe(UPDATES, "small_affine"), tmp_path, progress=False)
    assert not checkpoints.exists()


def test_training_continues_with_a_warning_on_a_full_disk(undisturbed, tmp_path, monkeypatch):
    def full(self, path, *args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(lightning.Trainer, "save_checkpoint", full)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(tiny_recipe(UPDATES, "small_affine"), tmp_path, progress=False)
    said = re.compile(r"\(No space left on device, .* are free there\); training continues")
    assert any(said.search(str(warning.message)) for warning in caught)
    assert_same_weights(tmp_path, undisturbed)
