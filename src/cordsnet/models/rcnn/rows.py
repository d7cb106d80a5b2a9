"""The rows of the RCNNs in the table of models."""

from cordsnet.models.rcnn.spec import PAPER, RCNNSpec
from cordsnet.models.table import ModelRow

SOURCE = f"Liang & Hu, CVPR 2015, {PAPER}"
CLOCK = "steps of 100 ms by convention, one frame each"
TINY = {"image_size": 12, "channels": 4, "num_classes": 3, "repetitions": 3}

REMARKS = (
    "Every frame is seen afresh; with unroll = 'inner' the network carries nothing from one step to the next. "
    '"AREA.iterations" records an area\'s iterations, of which the first is feedforward.',
    "100 ms for a frame is a convention of this package. unroll = 'sync', where all areas take one iteration per step, "
    "is an extension of this package: give steps (8 are all iterations of area5), and what a step stands for.",
    "With unroll = 'sync' an area begins at the step at which an image can first reach it; its rate is zero before.",
    "Networks of the paper are trained with dropout between their layers. Here it is left out unless dropout is given; "
    "its masks are drawn from counters, so that a step can be repeated.",
    "norm = 'bn_per_step' has a batch norm for every iteration, before the rectification and in place of the bias; "
    "with unroll = 'sync', later iterations take the last one.",
    "Local response normalisation divides its strength by the number of maps, as torch does and TensorFlow does not.",
)


def _row(channels: int, published: int) -> ModelRow:
    spec = RCNNSpec(f"rcnn_{channels}", channels=channels)
    return ModelRow(spec.name, spec.kind, spec, SOURCE, CLOCK, "", TINY, published, REMARKS)


RCNN_96, RCNN_128, RCNN_160 = _row(96, 672_202), _row(128, 1_191_178), _row(160, 1_857_610)
RCNN_SMALL = ModelRow(
    "rcnn_small", "rcnn", RCNNSpec("rcnn_small", channels=32), SOURCE, CLOCK, tiny=TINY, remarks=REMARKS
)
