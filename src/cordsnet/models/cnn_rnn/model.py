"""CNN-RNNs: a feedforward network and a recurrent cell."""

import torch
from torch import nn

from cordsnet.dynamics import Clock, Precision
from cordsnet.dynamics.steppers import STEPPERS, Relaxation
from cordsnet.models.backbone.model import BackboneModel
from cordsnet.models.cnn_rnn.spec import CNNRNNSpec
from cordsnet.models.cnn_rnn.system import CNNRNNSystem
from cordsnet.models.cordsnet.rows import PAPER


class CNNRNN(BackboneModel):
    """A feedforward network, and a recurrent cell that reads its pooled features in every step.

    The feedforward network is the twin of a CordsNet (Soo et al. 2024); it sees a held image once, and a movie frame by
    frame. `shapes` are [C, H, W] for its areas, which do not evolve, and [N] for the cell's. Weights of the cell are
    `head.input` (V) and `head.recurrent` (W), with the gates of an LSTM in the order of `torch.nn.LSTM`.

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "cnn_rnn"
    spec_type = CNNRNNSpec
    about = (
        "A CNN-RNN: a feedforward convolutional network, the twin of a CordsNet "
        f"([Soo et al., NeurIPS 2024]({PAPER})), and a recurrent cell that reads its pooled features in every step."
    )
    system_type = CNNRNNSystem
    spec: CNNRNNSpec

    def __init__(self, spec: CNNRNNSpec) -> None:
        super().__init__(spec)
        cell, out = spec.type, spec.type.gates * spec.size
        layers = {
            "input": nn.Linear(spec.features, out, dtype=torch.float32),
            "recurrent": nn.Linear(spec.size, out, bias=cell.biases == 2, dtype=torch.float32),
        }
        self.head = nn.ModuleDict(layers)
        if not cell.is_output:
            self.decoder = nn.Linear(spec.size, spec.num_classes, dtype=torch.float32)

    @property
    def clock(self) -> Clock:
        """Steps, or continuous time for a cell that is a differential equation."""
        return Clock(self.spec.ms_per_step, "continuous" if self.spec.type.continuous else "steps")

    def bind(self, dt: float, stepper: str, precision: Precision) -> CNNRNNSystem:
        """The network with steps of `dt` ms.

        Raises ValueError for another precision than the model's own, for a stepper that needs more than one evaluation
        in a step, and for a step that is too coarse for the time constant.
        """
        self.check_precision(precision)
        if self.spec.tau_ms is None:
            return CNNRNNSystem(self, dt, precision)
        how = STEPPERS[stepper]
        if not isinstance(how, Relaxation):
            raise ValueError(f"stepper must be 'euler' or 'exponential_euler' for {self.spec.name!r}, got {stepper!r}")
        if dt >= how.limit * self.spec.tau_ms:
            raise ValueError(f"dt must be below {how.limit * self.spec.tau_ms:g} ms for tau_ms, got {dt:g} ms")
        return CNNRNNSystem(self, dt, precision, share=float(how.share(dt, self.spec.tau_ms)))
