"""Runs in processes of Ray's: the same rows, and the same bits when a worker is killed."""

import dataclasses
import importlib.util
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pandas
import pytest
import torch
from tiny import tiny_recipe

from cordsnet import load_model
from cordsnet.errors import InterruptionError, RunError
from cordsnet.training import Context, Recipe, Run, StageResult, TrainDynamics, fit, grid, sweep
from cordsnet.training.workers import Lost, Workers, _ray, call_on_workers

if importlib.util.find_spec("ray") is None:  # without importing it, which is for the sweep to do
    pytest.skip("Ray is not installed (cordsnet[sweep])", allow_module_level=True)

UPDATES = 10
TWO = Workers(2)


@dataclasses.dataclass(frozen=True)
class Killed(TrainDynamics):
    """Trains, in a process that is killed as soon as there is a checkpoint, the first time."""

    def run(self, context: Context) -> StageResult:
        folder = context.run / self.name
        if not list(folder.glob("killed_*")):
            threading.Thread(target=_kill_in_mid_stage, args=(folder,), daemon=True).start()
        return super().run(context)


def _kill_in_mid_stage(folder: Path) -> None:
    while not list((folder / "checkpoints").glob("update_*.ckpt")):
        time.sleep(0.002)
    if not (folder / "result.json").exists():
        (folder / f"killed_{os.getpid()}").touch()
        os.kill(os.getpid(), signal.SIGKILL)


def recipes() -> tuple[Recipe, Recipe]:
    """Direct training alone, undisturbed and killed."""
    recipe = tiny_recipe(UPDATES, "small_affine")
    stage = recipe.stage("direct")
    settings = {part.name: getattr(stage, part.name) for part in dataclasses.fields(stage)}
    undisturbed = dataclasses.replace(recipe, stages=(stage,))
    return undisturbed, dataclasses.replace(recipe, stages=(Killed(**settings),))


def listening() -> set[str]:
    """Addresses, as the kernel writes them, at which this machine can be reached over TCP."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
        found |= {row[1] for row in rows if row[3] == "0A"}
    return found


def surroundings(seen: list) -> dict:
    return {"threads": torch.get_num_threads(), "gpus": os.environ["CUDA_VISIBLE_DEVICES"], "process": os.getpid()}


def fails_with(error: Exception) -> None:
    raise error


def asked_to_stop(folder: str) -> int:
    """Asked to stop the first time, as by a scheduler."""
    attempts = len(list(Path(folder).iterdir()))
    (Path(folder) / str(attempts)).touch()
    if attempts < 1:
        raise InterruptionError("stopped", signal.SIGTERM)
    return attempts


@pytest.fixture(scope="module")
def started():
    """Ray, as a sweep starts it; addresses that are listened at since."""
    before = listening() if sys.platform == "linux" else set()
    with _ray(TWO) as ray:
        yield (listening() - before) if sys.platform == "linux" else set()
    assert not ray.is_initialized()


@pytest.mark.skipif(sys.platform != "linux", reason="addresses are read from /proc")
def test_nobody_outside_this_machine_can_reach_it(started):
    assert started
    loopback = ("0100007F:", "00000000000000000000000001000000:", "0000000000000000FFFF00000100007F:")
    assert [address for address in started if not address.startswith(loopback)] == []


def test_workers_take_their_share_and_this_process_is_none(started):
    results = dict(call_on_workers(surroundings, [([],), ([],)], TWO))
    assert set(results) == {0, 1}
    assert all(result["threads"] == 1 and result["gpus"] == "" for result in results.values())
    assert os.getpid() not in {result["process"] for result in results.values()}


def test_an_error_of_the_call_is_raised_as_it_is(started):
    with pytest.raises(TypeError, match="own mistake"):
        list(call_on_workers(fails_with, [(TypeError("own mistake"),)], TWO))


def test_a_worker_that_is_asked_to_stop_is_replaced(started, tmp_path):
    assert list(call_on_workers(asked_to_stop, [(str(tmp_path),)], TWO)) == [(0, 1)]
    never = dataclasses.replace(TWO, retries=0)
    assert list(call_on_workers(fails_with, [(InterruptionError("stopped", 15),)], never)) == [(0, Lost("stopped"))]


def test_a_signal_ends_the_calls_at_once(started):
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    began = time.monotonic()
    with pytest.raises(InterruptionError, match="stopped by signal SIGTERM"):
        list(call_on_workers(time.sleep, [(60,)], TWO))
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(("asked", "kind"), [({"cpus": 64.0}, "64 CPU"), ({"gpus": 0.25}, "0.25 GPU")])
def test_more_than_there_is_is_refused(started, asked, kind):
    with pytest.raises(RunError, match=f"a worker takes {kind}, but Ray finds"):
        list(call_on_workers(surroundings, [([],)], dataclasses.replace(TWO, **asked)))


def test_a_killed_workers_run_ends_with_the_same_bits(started, tmp_path):
    undisturbed, killed = recipes()
    fit(undisturbed, tmp_path / "alone", progress=False)
    runs = [Run("killed", killed), *grid(undisturbed, {}, [1])]
    rows = sweep(runs, tmp_path / "sweep", workers=2, progress=False)
    assert len(list((tmp_path / "sweep/killed/direct").glob("killed_*"))) == 1
    assert len(list((tmp_path / "sweep/killed/direct").glob("logs_*"))) == 2
    assert [row["status"] for row in rows] == ["finished", "finished"]
    found, wanted = (load_model(tmp_path / folder / "direct").state_dict() for folder in ("sweep/killed", "alone"))
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    assert list(pandas.read_parquet(tmp_path / "sweep" / "table.parquet")["run"]) == ["killed", "seed=1"]


def test_a_run_that_is_killed_too_often_fails_alone(started, tmp_path):
    undisturbed, killed = recipes()
    runs = [Run("killed", killed), *grid(undisturbed, {}, [1])]
    rows = sweep(runs, tmp_path, workers=2, retries=0, progress=False)
    assert [row["status"] for row in rows] == ["failed", "finished"]
    assert "its worker was lost" in rows[0]["error"]
    assert len(list((tmp_path / "killed/direct").glob("killed_*"))) == 1
