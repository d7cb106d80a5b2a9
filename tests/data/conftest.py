"""Every test of data sets has a cache and a data folder of its own."""

import datasets
import pytest

from cordsnet.data.hub import HERE


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv(HERE, str(tmp_path / "data"))
