"""Names of the models and of their kinds. An entry is imported when it is asked for, so that names are checked at once.

A new kind is a line in `KINDS` and lines in `MODELS`: whatever saves, loads, trains or lists models finds it here.
"""

from typing import Any

from cordsnet.registry import Registry

MODELS: Registry[Any] = Registry("model")
"""Name -> `ModelRow`."""

KINDS: Registry[type[Any]] = Registry("kind")
"""Kind, as it is written in files -> class, a `VisionModel`."""

KINDS.add_lazy("cordsnet", "cordsnet.models.cordsnet.model:CordsNet")
KINDS.add_lazy("cnn", "cordsnet.models.cordsnet.cnn:CNN")
KINDS.add_lazy("cnn_folded", "cordsnet.models.cordsnet.cnn:CNN")
KINDS.add_lazy("cornet_s", "cordsnet.models.cornet.model:CornetS")
KINDS.add_lazy("convlstm", "cordsnet.models.convlstm.model:ConvLSTM")
KINDS.add_lazy("task_rnn", "cordsnet.models.task_rnn:TaskRNN")
KINDS.add_lazy("deq_conv", "cordsnet.models.deq.conv:DeqConv")
KINDS.add_lazy("mdeq", "cordsnet.models.deq.mdeq:Mdeq")
KINDS.add_lazy("ctrnn", "cordsnet.models.ctrnn:ContinuousRNN")

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

for _depth in (2, 4, 6, 8):
    for _size in ("", "_small"):
        MODELS.add_lazy(f"deq_conv_r{_depth}{_size}", f"cordsnet.models.deq.rows:R{_depth}{_size.upper()}")

MODELS.add_lazy("mdeq_small", "cordsnet.models.deq.rows:MDEQ_SMALL")
MODELS.add_lazy("mdeq_large", "cordsnet.models.deq.rows:MDEQ_LARGE")

for _row in ("dense", "lowrank", "sparse"):
    MODELS.add_lazy(f"ctrnn_{_row}", f"cordsnet.models.ctrnn:{_row.upper()}")
    MODELS.add_lazy(f"ctrnn_{_row}_small", f"cordsnet.models.ctrnn:{_row.upper()}_SMALL")
