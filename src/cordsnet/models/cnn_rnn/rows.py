"""The rows of the CNN-RNNs, and of CordsNets whose readout alone is recurrent."""

from typing import Any

from cordsnet.models.backbone.rows import REMARKS, SMALL, SOURCE, TINY
from cordsnet.models.cnn_rnn.spec import CNNRNNSpec
from cordsnet.models.table import ModelRow

STEPS, CONTINUOUS = "steps of 10 ms by convention", "continuous, tau 10 ms in the head alone"
READOUT = (
    "All areas are feedforward, without leak, and follow the image at once: those of the CordsNet's feedforward twin, "
    "whose kernels are a CordsNet's. The readout is the only dynamical part: tau dr/dt = -r + W r + V f + b, one unit "
    "per class, with f the mean of every channel of the top two areas. The class scores are r.",
)


def _row(name: str, clock: str, remarks: tuple[str, ...], tiny: dict[str, Any], **fields: Any) -> ModelRow:
    return ModelRow(name, "cnn_rnn", CNNRNNSpec(name, **fields), SOURCE, clock, tiny=TINY | tiny, remarks=remarks)


def _cell(cell: str, small: bool) -> ModelRow:
    """A CNN with a cell that has a decoder."""
    name = f"cnn_{cell}" + ("_small" if small else "")
    fields = SMALL | {"units": 64} if small else {}
    if cell != "ctrnn":
        return _row(name, STEPS, REMARKS, {"units": 5}, cell=cell, **fields)
    times = {"tau_ms": 10.0, "ms_per_step": 2.0, "steps": 100}
    return _row(name, CONTINUOUS, REMARKS, {"units": 5}, cell=cell, **times, **fields)


def _readout(depth: int, small: bool) -> ModelRow:
    """A network whose readout alone is recurrent."""
    name = f"cordsnet_readout_r{depth}" + ("_small" if small else "")
    size = SMALL | {"image_size": (16, 16) if depth == 2 else (32, 32)} if small else {}
    times = {"tau_ms": 10.0, "ms_per_step": 2.0, "steps": 100}
    fields = {"cell": "readout", "units": None} | times | size | {"depth": depth}
    return _row(name, CONTINUOUS, READOUT + REMARKS, {}, **fields)


RNN, LSTM, CTRNN = (_cell(cell, small=False) for cell in ("rnn", "lstm", "ctrnn"))
RNN_SMALL, LSTM_SMALL, CTRNN_SMALL = (_cell(cell, small=True) for cell in ("rnn", "lstm", "ctrnn"))
R2, R4, R6, R8 = (_readout(depth, small=False) for depth in (2, 4, 6, 8))
R2_SMALL, R4_SMALL, R6_SMALL, R8_SMALL = (_readout(depth, small=True) for depth in (2, 4, 6, 8))
