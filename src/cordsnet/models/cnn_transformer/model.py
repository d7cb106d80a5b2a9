"""CNN-transformers: a feedforward network and causal attention over time."""

import torch
from torch import nn

from cordsnet.models.backbone.model import BackboneModel
from cordsnet.models.cnn_transformer.spec import CNNTransformerSpec
from cordsnet.models.cnn_transformer.system import CNNTransformerSystem
from cordsnet.models.cordsnet.rows import PAPER

ATTENTION = "https://arxiv.org/abs/1706.03762"


class CNNTransformer(BackboneModel):
    """A feedforward network, whose pooled features are a token in every step, and a transformer over the last steps.

    Blocks normalise before they act: y = x + A(LN(x)), z = y + P(LN(y)), with attention A (Vaswani et al. 2017) over
    the present token and those in memory, and a perceptron P with GELU. A bias per head and age of a token takes the
    place of positions, so that a step is the same at any time. Names of weights in a block: "attend" makes queries,
    keys and values, stacked as in `torch.nn.MultiheadAttention`, "project" is its output, "age" its bias [heads,
    memory], newest first.

    Parameters
    ----------
    spec : the network as data.
    """

    kind = "cnn_transformer"
    spec_type = CNNTransformerSpec
    about = (
        f"A feedforward convolutional network, the twin of a CordsNet ([Soo et al., NeurIPS 2024]({PAPER})), and a "
        f"transformer ([Vaswani et al., NeurIPS 2017]({ATTENTION})) over its features of the last steps."
    )
    system_type = CNNTransformerSystem
    spec: CNNTransformerSpec

    def __init__(self, spec: CNNTransformerSpec) -> None:
        super().__init__(spec)
        self.embed = nn.Linear(spec.features, spec.units, dtype=torch.float32)
        self.blocks = nn.ModuleDict({name: _block(spec) for name in spec.layers})
        self.age = nn.ParameterDict({name: torch.zeros(spec.heads, spec.memory) for name in spec.layers})
        self.norm = nn.LayerNorm(spec.units, dtype=torch.float32)
        self.decoder = nn.Linear(spec.units, spec.num_classes, dtype=torch.float32)


def _block(spec: CNNTransformerSpec) -> nn.ModuleDict:
    size, hidden = spec.units, spec.units * spec.expansion
    return nn.ModuleDict(
        {
            "norm_attend": nn.LayerNorm(size, dtype=torch.float32),
            "attend": nn.Linear(size, 3 * size, dtype=torch.float32),
            "project": nn.Linear(size, size, dtype=torch.float32),
            "norm_expand": nn.LayerNorm(size, dtype=torch.float32),
            "expand": nn.Linear(size, hidden, dtype=torch.float32),
            "contract": nn.Linear(hidden, size, dtype=torch.float32),
        }
    )
