"""The rows of the CNN-transformers in the table of models."""

from cordsnet.models.backbone.rows import REMARKS, SMALL, SOURCE, TINY
from cordsnet.models.cnn_transformer.model import ATTENTION
from cordsnet.models.cnn_transformer.spec import CNNTransformerSpec
from cordsnet.models.table import ModelRow

ORIGIN = f"Vaswani et al., NeurIPS 2017 (attention), {ATTENTION}; {SOURCE}"
CLOCK = "steps of 10 ms by convention"
OWN = (
    "It stands for the class of video models that attend to a memory of past frames; it is none of the published ones, "
    "and there are no numbers to compare it with.",
    "A step makes one token, of pooled features: positions within a frame are not attended to.",
    "While an image is held from the beginning, all tokens in memory are equal and so is their mean: the answer does "
    "not change from the first step on, until the image does.",
)
TINIER = TINY | {"units": 8, "heads": 2, "blocks": 2, "memory": 3, "expansion": 2}


def _row(spec: CNNTransformerSpec) -> ModelRow:
    return ModelRow(spec.name, "cnn_transformer", spec, ORIGIN, CLOCK, tiny=TINIER, remarks=OWN + REMARKS)


ROW = _row(CNNTransformerSpec())
SMALL_ROW = _row(CNNTransformerSpec("cnn_transformer_small", units=64, heads=4, blocks=1, memory=8, **SMALL))
