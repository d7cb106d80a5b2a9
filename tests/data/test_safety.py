"""Tables that name other files or addresses in place of images are refused, and nothing that they name is opened."""

import io
import socket

import datasets
import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from cordsnet.data import load_data
from cordsnet.errors import DataError

NAMED = [
    "/etc/passwd",
    "../../secret.png",
    "secret.png",
    "http://127.0.0.1:9/a.png",
    "https://example.invalid/a.png",
    "s3://bucket/a.png",
    "file:///etc/passwd",
    "zip://a.png::http://127.0.0.1:9/x.zip",
    "\\\\server\\share\\a.png",
]


def encoded(seed=0):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(buffer, "png")
    return {"bytes": buffer.getvalue(), "path": "original name.png"}


@pytest.fixture
def offline(monkeypatch):
    """A connection to anything that the table names fails the test; the hub may be asked which version is newest."""
    opened = []

    def refuse(host, port, *rest, **options):
        opened.extend([] if "huggingface" in str(host) else [(host, port)])
        raise OSError("no network in this test")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    assert opened == []


def write(folder, images, features=None, **columns):
    folder.mkdir()
    rows = {"image": images, "label": [k % 2 for k in range(len(images))], **columns}
    for split in ("train", "test"):
        if features is None:
            datasets.Dataset.from_dict(rows).to_parquet(folder / f"{split}.parquet")
        else:  # which the library would write with what it finds at the paths
            schema = features.arrow_schema
            parquet.write_table(pyarrow.Table.from_pydict(rows, schema=schema), folder / f"{split}.parquet")
    return str(folder)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("where", range(3))
@pytest.mark.parametrize("path", NAMED)
def test_an_image_that_is_a_path_is_refused_by_row(path, where, tmp_path):
    images = [encoded(k) for k in range(6)]
    images[2 * where] = {"bytes": None, "path": path}
    with pytest.raises(DataError, match=rf"row {2 * where} in place of an image") as caught:
        load_data(write(tmp_path / "table", images), 8)
    assert repr(path)[1:20] in str(caught.value)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("path", NAMED)
def test_a_column_of_paths_is_refused(path, tmp_path):
    with pytest.raises(DataError, match="image"):
        load_data(write(tmp_path / "table", [path] * 6), 8)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("path", NAMED)
def test_a_further_column_of_images_is_never_opened(path, tmp_path):
    further = datasets.Features({"image": datasets.Image(), "label": datasets.Value("int64"), "mask": datasets.Image()})
    masks = [{"bytes": None, "path": path}] * 6
    folder = write(tmp_path / "table", [encoded(k) for k in range(6)], features=further, mask=masks)
    data = load_data(folder, 8)
    assert len(data.train) == 6
    assert len(list(data.train.batches(3))) == 2


def test_missing_images_are_no_paths(tmp_path):
    images = [encoded(k) for k in range(3000)]
    images[5] = None
    assert len(load_data(write(tmp_path / "table", images), 8).train) == 2999
