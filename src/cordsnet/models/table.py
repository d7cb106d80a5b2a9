"""The one table of models, and the table of their kinds. Entries are imported when they are asked for.

A new kind is a line in `KINDS` and lines in `MODELS`: whatever saves, loads, trains or lists models finds it here.
"""

from dataclasses import dataclass
from typing import Any

from cordsnet.models.spec import ModelSpec
from cordsnet.registry import Registry


@dataclass(frozen=True)
class ModelRow:
    """A model by name.

    Attributes
    ----------
    name : the model's name, for `create_model`.
    kind : row of `KINDS`.
    spec : the model as data.
    source : the paper, with its address.
    clock : how the model keeps time, in words.
    licence : of the weights that its authors made public, "none stated" where they do not say; "" without weights.
    """

    name: str
    kind: str
    spec: ModelSpec
    source: str
    clock: str
    licence: str = ""


MODELS: Registry[ModelRow] = Registry("model")
"""Name -> row."""

KINDS: Registry[type[Any]] = Registry("kind")
"""Kind, as it is written in files -> class, a `VisionModel`."""

KINDS.add_lazy("cordsnet", "cordsnet.models.cordsnet.model:CordsNet")
KINDS.add_lazy("cnn", "cordsnet.models.cordsnet.cnn:CNN")
KINDS.add_lazy("cnn_folded", "cordsnet.models.cordsnet.cnn:CNN")
KINDS.add_lazy("task_rnn", "cordsnet.models.task_rnn:TaskRNN")

MODELS.add_lazy("task_rnn", "cordsnet.models.task_rnn:ROW")
MODELS.add_lazy("task_rnn_small", "cordsnet.models.task_rnn:SMALL")

for _depth in (2, 4, 6, 8):
    for _size in ("", "_small"):
        _row = f"R{_depth}{_size.upper()}"
        MODELS.add_lazy(f"cordsnet_r{_depth}{_size}", f"cordsnet.models.cordsnet.rows:{_row}")
        MODELS.add_lazy(f"cnn_r{_depth}{_size}", f"cordsnet.models.cordsnet.rows:CNN_{_row}")
