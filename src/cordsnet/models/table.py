"""The one table of models, and the table of their kinds. Entries are imported when they are asked for.

A new kind is a line in `KINDS` and lines in `MODELS`: whatever saves, loads, trains or lists models finds it here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    tiny : changes of the spec that make the model so small that all checks of `cordsnet.testing` take seconds.
    """

    name: str
    kind: str
    spec: ModelSpec
    source: str
    clock: str
    licence: str = ""
    tiny: Mapping[str, Any] = field(default_factory=dict)


MODELS: Registry[ModelRow] = Registry("model")
"""Name -> row."""

KINDS: Registry[type[Any]] = Registry("kind")
"""Kind, as it is written in files -> class, a `VisionModel`."""

KINDS.add_lazy("cordsnet", "cordsnet.models.cordsnet.model:CordsNet")
KINDS.add_lazy("cnn", "cordsnet.models.cordsnet.cnn:CNN")
KINDS.add_lazy("cnn_folded", "cordsnet.models.cordsnet.cnn:CNN")
KINDS.add_lazy("cornet_s", "cordsnet.models.cornet.model:CornetS")
KINDS.add_lazy("convlstm", "cordsnet.models.convlstm.model:ConvLSTM")
KINDS.add_lazy("task_rnn", "cordsnet.models.task_rnn:TaskRNN")

for _depth in (2, 4, 6, 8):
    for _size in ("", "_small"):
        _row = f"R{_depth}{_size.upper()}"
        MODELS.add_lazy(f"cordsnet_r{_depth}{_size}", f"cordsnet.models.cordsnet.rows:{_row}")
        MODELS.add_lazy(f"cnn_r{_depth}{_size}", f"cordsnet.models.cordsnet.rows:CNN_{_row}")

MODELS.add_lazy("cornet_s", "cordsnet.models.cornet.rows:ROW")
MODELS.add_lazy("cornet_s_small", "cordsnet.models.cornet.rows:SMALL")
MODELS.add_lazy("convlstm", "cordsnet.models.convlstm.rows:ROW")
MODELS.add_lazy("convlstm_small", "cordsnet.models.convlstm.rows:SMALL")
MODELS.add_lazy("task_rnn", "cordsnet.models.task_rnn:ROW")
MODELS.add_lazy("task_rnn_small", "cordsnet.models.task_rnn:SMALL")
