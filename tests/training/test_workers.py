"""Sweeps with Ray: the same rows, and the same weights when a worker is killed."""

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
from cordsnet.training.workers import LostCall, Workers, _ray, call_on_workers

if importlib.util.find_spec("ray") is None:  # without importing it, since the sweep must do that
    pytest.skip("Ray is not installed (cordsnet[sweep])", allow_module_level=True)

UPDATES = 10
TWO = Workers(2)


@dataclasses.dataclass(frozen=True)
class Killed(TrainDynamics):
    """Train in a process that is killed at its first checkpoint, the first time."""

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
    """Recipes of direct training alone: undisturbed, and killed."""
    recipe = tiny_recipe(UPDATES, "small_affine")
    stage = recipe.stage("direct")
    settings = {part.name: getattr(stage, part.name) for part in dataclasses.fields(stage)}
    undisturbed = dataclasses.replace(recipe, stages=(stage,))
    return undisturbed, dataclasses.replace(recipe, stages=(Killed(**settings),))


def listening() -> set[str]:
    """Addresses on which this machine listens for TCP connections, in the notation of the kernel."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
        found |= {row[1] for row in rows if row[3] == "0A"}
    return found


def describe_worker(seen: list) -> dict:
    return {"threads": torch.get_num_threads(), "gpus": os.environ["CUDA_VISIBLE_DEVICES"], "process": os.getpid()}


def fails_with(error: Exception) -> None:
    raise error


def asked_to_stop(folder: str) -> int:
    """Be stopped by a signal the first time."""
    attempts = len(list(Path(folder).iterdir()))
    (Path(folder) / str(attempts)).touch()
    if attempts < 1:
        raise InterruptionError("stopped", signal.SIGTERM)
    return attempts


@pytest.fixture(scope="module")
def started():
    """Start Ray as a sweep does, and return the addresses on which the machine listens since."""
    before = listening() if sys.platform == "linux" else set()
    with _ray(TWO) as ray:
        yield (listening() - before) if sys.platform == "linux" else set()
    assert not ray.is_initialized()


@pytest.mark.skipif(sys.platform != "linux", reason="addresses are read from /proc")
def test_ray_is_not_reachable_from_the_network(started):
    assert started
    loopback = ("0100007F:", "00000000000000000000000001000000:", "0000000000000000FFFF00000100007F:")
    assert [address for address in started if not address.startswith(loopback)] == []


def test_workers_have_their_own_process_threads_and_gpus(started):
    results = dict(call_on_workers(describe_worker, [([],), ([],)], TWO))
    assert set(results) == {0, 1}
    assert all(result["threads"] == 1 and result["gpus"] == "" for result in results.values())
    assert os.getpid() not in {result["process"] for result in results.values()}


def test_an_error_of_a_call_is_raised_unchanged(started):
    with pytest.raises(TypeError, match="own mistake"):
        list(call_on_workers(fails_with, [(TypeError("own mistake"),)], TWO))


def test_a_call_is_repeated_when_its_worker_is_asked_to_stop(started, tmp_path):
    assert list(call_on_workers(asked_to_stop, [(str(tmp_path),)], TWO)) == [(0, 1)]
    never = dataclasses.replace(TWO, retries=0)
    assert list(call_on_workers(fails_with, [(InterruptionError("stopped", 15),)], never)) == [(0, LostCall("stopped"))]


def test_a_signal_ends_all_calls_at_once(started):
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    began = time.monotonic()
    with pytest.raises(InterruptionError, match="stopped by signal SIGTERM"):
        list(call_on_workers(time.sleep, [(60,)], TWO))
    assert time.monotonic() - began < 30


@pytest.mark.parametrize(("asked", "kind"), [({"cpus": 64.0}, "64 CPU"), ({"gpus": 0.25}, "0.25 GPU")])
def test_workers_that_need_more_than_is_available_are_refused(started, asked, kind):
    with pytest.raises(RunError, match=f"a worker needs {kind}, but Ray finds"):
        list(call_on_workers(describe_worker, [([],)], dataclasses.replace(TWO, **asked)))


def test_a_run_whose_worker_was_killed_ends_with_the_same_weights(started, tmp_path):
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


def test_a_run_that_is_killed_too_often_fails_and_others_finish(started, tmp_path):
    undisturbed, killed = recipes()
    runs = [Run("killed", killed), *grid(undisturbed, {}, [1])]
    rows = sweep(runs, tmp_path, workers=2, retries=0, progress=False)
    assert [row["status"] for row in rows] == ["failed", "finished"]
    assert "its worker was lost" in rows[0]["error"]
    assert len(list((tmp_path / "killed/direct").glob("killed_*"))) == 1
