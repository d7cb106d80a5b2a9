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
KINDS.add_lazy("cornet_z", "cordsnet.models.cornet.z:CornetZ")
KINDS.add_lazy("cornet_rt", "cordsnet.models.cornet.rt:CornetRT")
KINDS.add_lazy("dtcnn", "cordsnet.models.cordsnet.discrete:DiscreteCNN")
KINDS.add_lazy("cords_attention", "cordsnet.models.cordsnet.attention:CordsAttention")
KINDS.add_lazy("cnn_rnn", "cordsnet.models.cnn_rnn.model:CNNRNN")
KINDS.add_lazy("cnn_transformer", "cordsnet.models.cnn_transformer.model:CNNTransformer")
KINDS.add_lazy("cornet_s", "cordsnet.models.cornet.model:CornetS")
KINDS.add_lazy("rcnn", "cordsnet.models.rcnn.model:RCNN")
KINDS.add_lazy("convlstm", "cordsnet.models.convlstm.model:ConvLSTM")
KINDS.add_lazy("blt_ccn23", "cordsnet.models.blt.ccn23:CCN23")
KINDS.add_lazy("rcnnsat", "cordsnet.models.blt.rcnnsat:RCNNSat")
KINDS.add_lazy("blt_sync", "cordsnet.models.blt.sync:BLTSync")
KINDS.add_lazy("blt_spoerer2017", "cordsnet.models.blt.spoerer2017:Spoerer2017")
KINDS.add_lazy("convgru", "cordsnet.models.convgru.model:ConvGRU")
KINDS.add_lazy("hgru", "cordsnet.models.hgru.model:HGRU")
KINDS.add_lazy("crbp_hgru", "cordsnet.models.hgru.crbp:CRBPHGRU")
KINDS.add_lazy("conv_s5", "cordsnet.models.state_space:ConvS5")
KINDS.add_lazy("akorn", "cordsnet.models.akorn:Akorn")
KINDS.add_lazy("task_rnn", "cordsnet.models.task_rnn:TaskRNN")
KINDS.add_lazy("streams", "cordsnet.models.streams.model:Streams")
KINDS.add_lazy("multi_area", "cordsnet.models.multi_area.model:MultiArea")
KINDS.add_lazy("deq_conv", "cordsnet.models.deq.conv:DeqConv")
KINDS.add_lazy("mdeq", "cordsnet.models.deq.mdeq:Mdeq")
KINDS.add_lazy("ctrnn", "cordsnet.models.ctrnn:ContinuousRNN")
KINDS.add_lazy("vector_rnn", "cordsnet.models.vector_rnn.model:VectorRNN")

for _depth in (2, 4, 6, 8):
    for _size in ("", "_small"):
        _row = f"R{_depth}{_size.upper()}"
        MODELS.add_lazy(f"cordsnet_r{_depth}{_size}", f"cordsnet.models.cordsnet.rows:{_row}")
        MODELS.add_lazy(f"cnn_r{_depth}{_size}", f"cordsnet.models.cordsnet.rows:CNN_{_row}")
        MODELS.add_lazy(f"dtcnn_r{_depth}{_size}", f"cordsnet.models.cordsnet.relatives:DTCNN_{_row}")
        MODELS.add_lazy(f"cordsnet_readout_r{_depth}{_size}", f"cordsnet.models.cnn_rnn.rows:{_row}")
        MODELS.add_lazy(f"cordsnet_top_r{_depth}{_size}", f"cordsnet.models.cordsnet.relatives:TOP_{_row}")

for _size in ("R4", "R6", "R8", "R2_SMALL", "R4_SMALL", "R6_SMALL", "R8_SMALL"):
    MODELS.add_lazy(f"cords_attention_{_size.lower()}", f"cordsnet.models.cordsnet.attention:{_size}")

for _member in ("z", "rt", "r", "s"):
    for _size in ("", "_small"):
        MODELS.add_lazy(f"cornet_{_member}{_size}", f"cordsnet.models.cornet.rows:{_member.upper()}{_size.upper()}")
for _size in ("96", "128", "160", "small"):
    MODELS.add_lazy(f"rcnn_{_size}", f"cordsnet.models.rcnn.rows:RCNN_{_size.upper()}")
for _cell in ("rnn", "lstm", "ctrnn"):
    for _size in ("", "_small"):
        MODELS.add_lazy(f"cnn_{_cell}{_size}", f"cordsnet.models.cnn_rnn.rows:{_cell.upper()}{_size.upper()}")

MODELS.add_lazy("cnn_transformer", "cordsnet.models.cnn_transformer.rows:ROW")
MODELS.add_lazy("cnn_transformer_small", "cordsnet.models.cnn_transformer.rows:SMALL_ROW")
MODELS.add_lazy("convlstm", "cordsnet.models.convlstm.rows:ROW")
MODELS.add_lazy("convlstm_small", "cordsnet.models.convlstm.rows:SMALL")
MODELS.add_lazy("convgru", "cordsnet.models.convgru.rows:ROW")
MODELS.add_lazy("convgru_small", "cordsnet.models.convgru.rows:SMALL")
MODELS.add_lazy("hgru", "cordsnet.models.hgru.rows:ROW")
MODELS.add_lazy("hgru_small", "cordsnet.models.hgru.rows:SMALL")
MODELS.add_lazy("hgru_2018", "cordsnet.models.hgru.rows:ROW_2018")
MODELS.add_lazy("crbp_hgru", "cordsnet.models.hgru.rows:CRBP")
MODELS.add_lazy("crbp_hgru_small", "cordsnet.models.hgru.rows:CRBP_SMALL")
MODELS.add_lazy("conv_s5", "cordsnet.models.state_space:ROW")
MODELS.add_lazy("conv_s5_small", "cordsnet.models.state_space:SMALL")
MODELS.add_lazy("akorn", "cordsnet.models.akorn:ROW")
MODELS.add_lazy("akorn_small", "cordsnet.models.akorn:SMALL")
MODELS.add_lazy("task_rnn", "cordsnet.models.task_rnn:ROW")
MODELS.add_lazy("task_rnn_small", "cordsnet.models.task_rnn:SMALL")
MODELS.add_lazy("two_streams_small", "cordsnet.models.streams.rows:TWO_STREAMS")
for _front in ("cordsnet", "cnn", "cornet_rt", "blt", "convgru", "two_streams"):
    MODELS.add_lazy(f"{_front}_pfc_small", f"cordsnet.models.multi_area.rows:{_front.upper()}")

for _family, _members in (
    ("blt_ccn23", ("b", "bl", "bt", "blt", "blt_128", "blt_small")),
    ("rcnnsat", ("b", "b_k", "b_f", "b_d", "bl", "bl_small")),
    ("blt_sync", ("b", "bl", "bt", "blt", "blt_small")),
    ("blt_spoerer2017", ("b", "b_f", "b_k", "bl", "bt", "blt")),
):
    for _member in _members:
        MODELS.add_lazy(f"{_family}_{_member}", f"cordsnet.models.blt.rows:ROWS.{_family}_{_member}")
for _depth in (2, 4, 6, 8):
    for _size in ("", "_small"):
        MODELS.add_lazy(f"deq_conv_r{_depth}{_size}", f"cordsnet.models.deq.rows:R{_depth}{_size.upper()}")

MODELS.add_lazy("mdeq_small", "cordsnet.models.deq.rows:MDEQ_SMALL")
MODELS.add_lazy("mdeq_large", "cordsnet.models.deq.rows:MDEQ_LARGE")

for _row in ("dense", "lowrank", "sparse"):
    MODELS.add_lazy(f"ctrnn_{_row}", f"cordsnet.models.ctrnn:{_row.upper()}")
    MODELS.add_lazy(f"ctrnn_{_row}_small", f"cordsnet.models.ctrnn:{_row.upper()}_SMALL")
for _row in ("dense", "lowrank", "sparse", "conv"):
    MODELS.add_lazy(f"vector_rnn_{_row}", f"cordsnet.models.vector_rnn.rows:{_row.upper()}")
    MODELS.add_lazy(f"vector_rnn_{_row}_small", f"cordsnet.models.vector_rnn.rows:{_row.upper()}_SMALL")
