"""Files of published answers in small, with known numbers, and the place of the real ones beside the repository."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet

from cordsnet.data.people import images2025, maniquet2025, objects2018, tang2018

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
HARD = np.linspace(0.0, 1.0, 17)
"""How hard each condition is."""


def real(folder):
    """A folder of real data beside the repository; the test is skipped where it is absent."""
    if not (SHARED / folder).is_dir():
        pytest.skip(f"there is no folder shared/data/{folder} beside the repository")
    return SHARED / folder


def challenge(fits=None, seed=0):
    """Plain data of a challenge file: people see one half of the conditions each; name -> (parameters, fit).

    A network with fit f has 0.5 + 0.3 (f z + sqrt(1 - f^2) w) / 5, with z the standardised curve of people and w a
    pattern at a right angle to it, so that its correlation with people is f.
    """
    fits = fits or {"cornet_z": (1e6, 0.5), "cornet_s": (1e7, 0.7), "vgg16_bn": (1e8, 0.9)}
    curve = 0.95 - 0.4 * HARD
    z = (curve - curve.mean()) / curve.std()
    w = z**2 - (z**2).mean()
    w = w / w.std()
    halves = np.array([HARD < 0.5, HARD >= 0.5])
    rng, people = np.random.default_rng(seed), len(maniquet2025.PEOPLE)
    offsets = rng.normal(0, 0.01, people)
    offsets -= np.array([offsets[k % 2 :: 2].mean() for k in range(people)])
    seen = [[bool(x) for x in halves[k % 2]] for k in range(people)]
    accuracies = {
        name: [float(curve[c] + offsets[k]) if seen[k][c] else None for c in range(17)]
        for k, name in enumerate(maniquet2025.PEOPLE)
    }
    times = {name: [900.0 if s else None for s in seen[k]] for k, name in enumerate(maniquet2025.PEOPLE)}
    performance = {"participants accuracy": accuracies, "participants RT": times}
    for start, shift in (("", 0.0), ("mask ", -0.02), ("no mask ", 0.02)):
        performance |= {f"{start}accuracy": [float(v + shift) for v in curve], f"sem {start}accuracy": [0.003] * 17}
        performance |= {f"{start}RT": [900.0] * 17, f"sem {start}RT": [5.0] * 17}
    for name, (_, fit) in fits.items():
        scores = 0.5 + 0.06 * (fit * z + np.sqrt(1 - fit**2) * w)
        performance[name] = {str(k): [float(v) for v in scores + 0.001 * k] for k in range(3)}
    draws = {name: [0.97, 0.98, 0.99] for name in ("accuracy", "accuracy mask", "accuracy no mask")}
    return {
        "conditions": list(maniquet2025.CONDITIONS),
        "categories": list(maniquet2025.CATEGORIES),
        "model_sizes": {name: int(size) for name, (size, _) in fits.items()},
        "performance": performance,
        "noise_ceilings": {"across ppts": draws},
    }


def write_challenge(folder, found=None):
    """Write a challenge file into a folder."""
    (folder / maniquet2025.FILE).write_text(json.dumps(challenge() if found is None else found))
    return folder


RIGHT = {False: (5, 6, 7, 8, 9), True: (2, 4, 6, 7, 9)}
"""Masked -> right answers among 10 trials of every person, for each presentation."""


def trials():
    """Columns of masking trials: 10 of every person, presentation and mask, of which `RIGHT` are right."""
    rows = [
        (person, 1 + k, 1 + k % 5, shown, masked, 80.0, 1 + k % 5 if k < right else 1 + (k + 1) % 5, k < right, 0.9)
        for person in tang2018.PEOPLE
        for masked in (False, True)
        for shown, right in zip(tang2018.PRESENTATIONS_MS, RIGHT[masked], strict=True)
        for k in range(10)
    ]
    columns = dict(zip(tang2018.COLUMNS, map(np.array, zip(*rows, strict=True)), strict=True))
    return columns | {name: columns[name].astype(float) for name in tang2018.ANSWERS}


def write_trials(folder, columns=None):
    """Write masking trials into a folder, as parquet."""
    columns = trials() if columns is None else columns
    parquet.write_table(pyarrow.table(columns), folder / tang2018.FILE)
    return folder


def objects(each=6, size=12, seed=0):
    """Arrays of whole objects: on grey, a bright bar whose place names the category, of its own brightness."""
    rng = np.random.default_rng(seed)
    names = np.repeat(objects2018.CATEGORIES, each)
    pixels = np.full((len(names), size, size), objects2018.GROUND, dtype=np.uint8)
    for k, name in enumerate(names):
        row = 1 + 2 * objects2018.CATEGORIES.index(name)
        pixels[k, row : row + 2, 1:-1] = rng.integers(180, 250)
    return {objects2018.PIXELS: pixels, objects2018.NAMES: names}


def write_objects(folder, arrays=None):
    """Write whole objects into a folder."""
    np.savez_compressed(folder / objects2018.FILE, **(objects() if arrays is None else arrays))
    return folder


PLACES = {
    "control": "control/control_",
    "clutter_light": "clutter/light_clutter/lightclutter",
    "clutter_heavy": "clutter/heavy_clutter/heavyclutter",
    "scrambling_highpass": "phase_scrambling/highpass/hp_matched_",
    "scrambling_lowpass": "phase_scrambling/lowpass/lp_matched_",
} | {
    f"occlusion_{many}_{kind}_{level}": f"occlusion/{many}/{folder}/{level}/{many.replace('_', '')}{folder}{level}_"
    for many in ("few_large", "many_small")
    for kind, folder in (("deletion", "deletion"), ("blobs", "blobs"), ("partial_viewing", "occluder"))
    for level in ("low", "high")
}
"""Condition -> folder, and how file names begin."""


def images(each=2, size=16, contrast=None):
    """Name -> pixels: on grey 100, a bright square whose place names the category; `contrast` of each condition."""
    found = {}
    for k, condition in enumerate(maniquet2025.CONDITIONS):
        scale = 1.0 if contrast is None else contrast[k]
        for place, category in enumerate(maniquet2025.CATEGORIES):
            row, column = 4 * (place // 4) + 4, 4 * (place % 4)
            for number in range(1, each + 1):
                pixels = np.full((size, size), 100, dtype=np.uint8)
                pixels[row : row + 4, column : column + 4] = 100 + scale * (140 - 5 * number)
                found[f"{PLACES[condition]}{category}{number}.jpg"] = pixels
    return found


def write_images(folder, found=None):
    """Write images of the challenge set into a folder, as one archive."""
    with zipfile.ZipFile(folder / images2025.FILE, "w") as archive:
        for name, pixels in (images() if found is None else found).items():
            stream = io.BytesIO()
            Image.fromarray(pixels).save(stream, "JPEG", quality=95)
            archive.writestr(name, stream.getvalue())
    return folder
