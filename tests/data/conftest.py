"""Give every test of data sets its own cache and data folder."""

import datasets
import pytest

from cordsnet.data.hub import DATA_FOLDER


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv(DATA_FOLDER, str(tmp_path / "data"))
