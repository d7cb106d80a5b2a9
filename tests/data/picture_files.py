"""Small image files and parquet files for tests of data sets."""

import io

import datasets
import numpy as np
import torch
from PIL import Image

SIZE = 12


def png(pixels):
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return stream.getvalue()


def pictures(count, size=SIZE, channels=3, seed=0):
    """Random 8-bit pixels [N, H, W, C], and the content of a PNG file of each."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, size, size, channels), dtype=np.uint8)
    return pixels, [png(image.squeeze()) for image in pixels]


def as_tensor(pixels):
    return torch.from_numpy(pixels).permute(0, 3, 1, 2)


def image_folder(root, train=16, test=8, classes=("cat", "dog"), channels=3, damaged=()):
    """Write ROOT/train/CLASS/K.png and ROOT/val/CLASS/K.png, and damage the training images numbered in `damaged`.

    Returns the pixels of both splits in the order in which they are read: class after class.
    """
    found = {}
    for split, count, seed in (("train", train, 1), ("val", test, 2)):
        pixels, encoded = pictures(count, channels=channels, seed=seed)
        share = count // len(classes)
        for k, content in enumerate(encoded):
            folder = root / split / classes[k // share]
            folder.mkdir(parents=True, exist_ok=True)
            broken = split == "train" and k in damaged
            (folder / f"{k:03d}.png").write_bytes(content[:40] if broken else content)
        found[split] = as_tensor(pixels)
    return found["train"], found["val"]


def parquet_file(path, encoded, labels, image="image", label="label", names=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = {image: [{"bytes": content, "path": None} for content in encoded], label: labels}
    table = datasets.Dataset.from_dict(rows)
    if names:
        table = table.cast_column(label, datasets.ClassLabel(names=names))
    table.to_parquet(path)
