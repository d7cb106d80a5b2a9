"""Model cards: what a network is, what it was trained on and how well it does, from numbers that were measured."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cordsnet._arguments import check_arguments
from cordsnet._files import write_whole
from cordsnet.models.files import CARD
from cordsnet.models.summary import Summary

LONGEST = 300
"""Longest piece of text that is taken from a file into a card, characters."""

MARKDOWN = re.compile(r"[\\`*\[\]|#!~]|(?<!\w)_|_(?!\w)")
"""Characters that Markdown would take for more than text; an underline within a word is none of them."""

LICENCE = "apache-2.0"
HUB = "https://huggingface.co/datasets/"

USE = """## Use

For research on vision as a dynamical process: accuracy over time, responses to changing images, attractors,
comparison with neural recordings.

{load}

## Limits

The network was trained on one data set at one image size and knows nothing else. It is not meant for decisions about
people. Nothing above holds for images of another kind, for another time step or time constant, or for weights that
were trained further."""

LOAD = """```python
from cordsnet.models import VisionModel

model = VisionModel.from_pretrained("{where}")  # this folder, or its name on the hub
```"""

PREPARE = """

Bring images (uint8, or floats in 0-1) into the form it was trained on with `model.preprocessing(images)`; the names of
the classes are `model.preprocessing.classes`."""


@check_arguments
def write_model_card(folder: str | Path, summary: Summary, facts: Mapping[str, Any], where: str | None = None) -> Path:
    """Write `folder/README.md`: YAML that the Hugging Face hub reads, then prose. Returns its path.

    Parameters
    ----------
    summary : what the model is (`model.summary()`).
    facts : as in a model's metadata, each left out of the card when absent: `name`, `recipe`, `stage`, `seed`;
        `licence` (of the weights, apache-2.0 where it is absent);
        `data` (`name`, `source`, `fingerprint`, `train_images`, `test_images`, `classes`, `mean`, `std`);
        `metrics` (name -> number, `test_accuracy` among them); `regime`, what the dynamics do, in words;
        `record` (`versions`, `gpu`, `commit`, `started`) of the run, with those of attempts before it in `earlier`.
    where : from where the network is loaded; None is the name of the folder.
    """
    path = Path(folder) / CARD
    name = str(facts.get("name", summary.name))
    parts = [
        _front(name, summary, facts),
        f"# {plain(name)}\n\n{summary}",
        _data(facts),
        _training(facts),
        _results(facts),
    ]
    load = LOAD.format(where=quoted(where or path.parent.resolve().name))
    parts.append(USE.format(load=load + (PREPARE if "data" in facts else "")))
    write_whole(path, ("\n\n".join(part for part in parts if part) + "\n").encode())
    return path


def plain(text: object) -> str:
    """Text on one line that Markdown and HTML show as it is written, whatever it holds."""
    line = " ".join(str(text).split())
    line = line if len(line) <= LONGEST else line[:LONGEST] + "..."
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return MARKDOWN.sub(r"\\\g<0>", line)


def code(text: object) -> str:
    """Text on one line as code, between back quotes."""
    line = " ".join(str(text).split()).replace("`", "'")[:LONGEST]
    return f"`{line}`"


def quoted(text: str) -> str:
    """Text inside a string of Python within a block of code."""
    return json.dumps(" ".join(text.split()).replace("`", "'")[:LONGEST])[1:-1]


def _front(name: str, summary: Summary, facts: Mapping[str, Any]) -> str:
    """Front matter; each value as JSON, which is YAML too."""
    front: dict[str, Any] = {
        "license": facts.get("licence", LICENCE),
        "library_name": "cordsnet",
        "pipeline_tag": "image-classification",
        "tags": list(summary.tags),
    }
    data, metrics = facts.get("data", {}), facts.get("metrics", {})
    if data:
        front["datasets"] = [_hub_name(data)]
    if "test_accuracy" in metrics:
        front["metrics"] = ["accuracy"]
    if data and "test_accuracy" in metrics:
        result = {
            "task": {"type": "image-classification"},
            "dataset": {"name": data["name"], "type": _hub_name(data), "split": "test"},
            "metrics": [{"type": "accuracy", "value": metrics["test_accuracy"]}],
        }
        front["model-index"] = [{"name": name, "results": [result]}]
    return "\n".join(["---", *(f"{key}: {json.dumps(value)}" for key, value in front.items()), "---"])


def _hub_name(data: Mapping[str, Any]) -> str:
    return str(data.get("source", "")).removeprefix(HUB) if str(data.get("source")).startswith(HUB) else data["name"]


def _data(facts: Mapping[str, Any]) -> str:
    data = facts.get("data")
    if not data:
        return ""
    lines = [code(data["name"]) + (f" ({plain(data['source'])})" if data.get("source") else "")]
    if "train_images" in data:
        lines.append(f"{data['train_images']:,} images for training and {data['test_images']:,} for testing")
    if "mean" in data:
        mean, std = (", ".join(f"{value:.4g}" for value in data[key]) for key in ("mean", "std"))
        lines.append(f"pixels in 0-1 normalised by mean {mean} and s.d. {std}")
    if "fingerprint" in data:
        lines.append(f"fingerprint {code(data['fingerprint'])}")
    return "## Data\n\n" + "; ".join(lines) + "."


def _training(facts: Mapping[str, Any]) -> str:
    made = [f"{key} {code(facts[key])}" for key in ("recipe", "stage", "seed") if key in facts]
    record = facts.get("record", {})
    made += _made_with(record)
    earlier = ["An earlier attempt at this run: " + "; ".join(_made_with(one)) for one in record.get("earlier", ())]
    if record.get("changed"):
        made.append("the record of this run was changed since it was written")
    return "## Training\n\n" + ".\n".join(["; ".join(made), *earlier]) + "." if made else ""


def _made_with(record: Mapping[str, Any]) -> list[str]:
    """Versions, GPU, commit and date of an attempt at a run."""
    made = [plain(f"{package} {found}") for package, found in record.get("versions", {}).items() if found]
    if record.get("gpu"):
        made.append(plain(record["gpu"]))
    if record.get("commit"):
        made.append(
            f"commit {plain(record['commit']['hash'])}" + (", with changes" if record["commit"]["dirty"] else "")
        )
    if record.get("started"):
        made.append(f"begun {plain(record['started'])}")
    return made


def _results(facts: Mapping[str, Any]) -> str:
    metrics = facts.get("metrics", {})
    if not metrics and not facts.get("regime"):
        return ""
    rows = [f"| {plain(name.replace('_', ' '))} | {value:.4g} |" for name, value in metrics.items()]
    table = ["| measured | |", "|---|---|", *rows] if rows else []
    regime = [f"\nRegime: {plain(facts['regime'])}."] if facts.get("regime") else []
    return "\n".join(["## Results\n", *table, *regime])
