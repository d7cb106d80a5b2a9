"""Folders that libraries write to: without them a command works, or says which variable names one that will not do."""

import os
import subprocess
import sys

import datasets
import pytest
from picture_files import parquet_file, pictures

from cordsnet.cli.early import CACHES, unwritable_cache
from cordsnet.data import load_data
from cordsnet.errors import DataError

NOWHERE = "/dev/null/folder"


def cordsnet(*words, **env):
    found = {name: value for name, value in os.environ.items() if name not in CACHES}
    found |= {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1", **env}
    words = [sys.executable, "-m", "cordsnet", *words]
    return subprocess.run(words, env=found, capture_output=True, text=True, timeout=200)


@pytest.mark.timeout(240)
def test_a_cache_without_which_torch_is_not_imported_is_named(tmp_path):
    words = ("train", "digits", "--only", "cnn", "--output", str(tmp_path / "run"), "--quiet")
    done = cordsnet(*words, TORCHINDUCTOR_CACHE_DIR=NOWHERE, HOME=NOWHERE, MPLCONFIGDIR=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"cordsnet: error: TORCHINDUCTOR_CACHE_DIR is {NOWHERE!r}, and that folder cannot be written to (Not a "
        "directory); set it to another"
    )


@pytest.mark.timeout(240)
def test_a_run_needs_no_home_and_no_caches(tmp_path):
    env = dict.fromkeys(set(CACHES) - {"TORCHINDUCTOR_CACHE_DIR", "MPLCONFIGDIR"}, NOWHERE)
    words = ("train", "digits", "--only", "cnn", "--cnn.optimisation.updates", "1", "--model.width", "2", "--quiet")
    done = cordsnet(*words, "--output", str(tmp_path / "run"), MPLCONFIGDIR=str(tmp_path), **env)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "run" / "cnn" / "result.json").is_file()


@pytest.mark.parametrize("name", CACHES)
def test_the_variable_of_a_folder_that_cannot_be_written_to_is_found(name, monkeypatch):
    for other in CACHES:
        monkeypatch.delenv(other, raising=False)
    for failed in (NOWHERE, f"{NOWHERE}/below/it", "/dev/null"):
        monkeypatch.setenv(name, NOWHERE)
        assert f"{name} is {NOWHERE!r}" in unwritable_cache(NotADirectoryError(20, "Not a directory", failed))
        assert unwritable_cache(OSError(20, "Not a directory", "/elsewhere")) is None
    monkeypatch.delenv(name)
    assert unwritable_cache(OSError(20, "Not a directory", NOWHERE)) is None


def test_a_folder_that_can_be_written_to_is_not_blamed(tmp_path, monkeypatch):
    for name in CACHES:
        monkeypatch.setenv(name, str(tmp_path))
    assert unwritable_cache(FileNotFoundError(2, "No such file", str(tmp_path / "absent"))) is None
    assert unwritable_cache(OSError(5, "Input/output error")) is None


@pytest.mark.parametrize("name", ["tables", "imagenet"])
def test_a_cache_of_tables_that_cannot_be_written_is_told_from_tables_that_cannot_be_read(name, tmp_path, monkeypatch):
    _, images = pictures(8)
    for split in ("train", "test", "validation"):
        parquet_file(tmp_path / name / f"{split}-0.parquet", images, [0, 1] * 4)
    monkeypatch.setenv("CORDSNET_DATA", str(tmp_path))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", NOWHERE)
    data = str(tmp_path / name) if name == "tables" else name
    with pytest.raises(
        DataError, match=rf"{NOWHERE}.* cannot be written to \(Not a directory\); set HF_DATASETS_CACHE"
    ):
        load_data(data, 8)
