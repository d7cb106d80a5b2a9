"""Small recordings and their pictures, written as a lab would have them."""

import io
import zipfile

import numpy as np
from PIL import Image

from cordsnet.neural import make_recording, record_activity, save_recording

BINS = np.array([[0.0, 20.0], [20.0, 40.0], [40.0, 80.0]])


def write_pictures(folder, count=60, size=16, seed=0):
    """Pictures of smooth noise in pictures.zip; returns its path."""
    random = np.random.default_rng(seed)
    path = folder / "pictures.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for k in range(count):
            coarse = random.integers(0, 256, (6, 6), dtype=np.uint8)
            content = io.BytesIO()
            Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC).save(content, "PNG")
            archive.writestr(f"picture{k}.png", content.getvalue())
    return path


def write_recording(folder, model, area=None, count=60, neurons=8, **how):
    """Recording of neurons that read an area of a model, in recording.npz beside pictures.zip; returns both paths."""
    pictures = write_pictures(folder, count)
    store = record_activity(model, pictures, BINS, folder / "taught.zarr")
    name = area or store.areas[-1]
    taught = make_recording(np.asarray(store.area(name)[:], float), BINS, neurons=neurons, **{"repeats": 4} | how)
    parts = {name: getattr(taught.recording, name) for name in ("responses", "bins_ms", "neurons", "unit", "source")}
    labels = {"object": np.arange(count) % 3, "position": np.arange(count) // 3 % 2}
    recording = type(taught.recording)(**parts, images=store.images, image_labels=labels)
    return save_recording(recording, folder / "recording.npz"), pictures
