"""Small recordings and their pictures, written as a lab would have them."""

import io
import zipfile

import numpy as np
from PIL import Image

from cordsnet.neural import Recording, make_recording, record_activity, save_recording

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
    folder.mkdir(exist_ok=True)
    pictures = write_pictures(folder, count)
    store = record_activity(model, pictures, BINS, folder / "taught.zarr")
    name = area or store.areas[-1]
    taught = make_recording(np.asarray(store.area(name)[:], float), BINS, neurons=neurons, **{"repeats": 4} | how)
    parts = {name: getattr(taught.recording, name) for name in ("responses", "bins_ms", "neurons", "unit", "source")}
    labels = {"object": np.arange(count) % 3, "position": np.arange(count) // 3 % 2}
    recording = type(taught.recording)(**parts, images=store.images, image_labels=labels)
    return save_recording(recording, folder / "recording.npz"), pictures


def turning(random, frames, width, degrees):
    """A path of unit steps, each of which turns from the last by the same angle in a random direction."""
    step = np.eye(width)[0]
    path = [np.zeros(width)]
    for _ in range(frames - 1):
        path.append(path[-1] + step)
        other = random.normal(size=width)
        other -= step * (step @ other)
        step = np.cos(np.radians(degrees)) * step + np.sin(np.radians(degrees)) * other / np.linalg.norm(other)
    return np.array(path) @ np.linalg.qr(random.normal(size=(width, width)))[0]


def write_frames(folder, count=4, frames=6, size=16, degrees=60.0):
    """Natural frames of movies in frames.zip, whose pixels turn by an angle; returns its path and the pixels."""
    random = np.random.default_rng(0)
    pixels = []
    with zipfile.ZipFile(folder / "frames.zip", "w") as archive:
        for k in range(count):
            path = 128 + 150 * turning(random, frames, size * size, degrees).reshape(frames, size, size)
            assert 0 < path.min() < path.max() < 255
            for f, frame in enumerate(path.round().astype(np.uint8)):
                content = io.BytesIO()
                Image.fromarray(frame).save(content, "PNG")
                archive.writestr(f"film{k}/groundtruth{f + 1}.png", content.getvalue())
            pixels.append(path.round())
    return folder / "frames.zip", np.array(pixels)


def write_movies(folder, paths, name="made", noise=0.01, repeats=4, zoom="zoom1x"):
    """Recording of neurons with given paths, (natural, synthetic) each [movie, frame, neuron]; returns its path.

    Images are in no order, so that frames have to be sorted by their labels.
    """
    random = np.random.default_rng(1)
    count, frames, neurons = paths[0].shape
    rows = [(c, k, f) for c in range(2) for k in range(count) for f in range(frames)]
    rows = [rows[k] for k in random.permutation(len(rows))]
    mean = np.array([paths[c][k, f] for c, k, f in rows])
    responses = mean[:, None, None] + noise * random.normal(size=(len(rows), repeats, 1, neurons))
    labels = {
        "zoom": [zoom] * len(rows),
        "category": [("natural", "synthetic")[c] for c, _, _ in rows],
        "movie": [f"movie{k + 1:02d}-film{k}" for _, k, _ in rows],
        "frame": [f"frame{f + 1}" for _, _, f in rows],
    }
    images = ["/".join(parts) for parts in zip(*labels.values(), strict=True)]
    labels = {label: np.array(values) for label, values in labels.items()}
    cells = [f"{name}{k}" for k in range(neurons)]
    return save_recording(
        Recording(responses, np.array([[40.0, 240.0]]), images, cells, "other", labels), folder / f"{name}.npz"
    )
