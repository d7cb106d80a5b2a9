"""Common parts of the rows of networks with a feedforward front end."""

from typing import Any

from cordsnet.models.cordsnet.rows import PAPER

SOURCE = f"Soo et al., NeurIPS 2024 (feedforward network), {PAPER}; the arrangement is this package's"
REMARKS = (
    "The feedforward network is trained with the head, since it has random weights at first; with train_backbone=False "
    "and `model.take(cnn)` it is a trained and frozen one.",
    "Its areas are constant while an image is held. It computes in the precision of the model alone.",
    "Steady states and Jacobians are not there: the head alone evolves, and areas below follow at once.",
)
SMALL: dict[str, Any] = {
    "image_size": (16, 16),
    "num_classes": 10,
    "depth": 2,
    "channels": 16,
    "stem_kernel": 3,
    "stem_stride": 1,
}
TINY: dict[str, Any] = {"image_size": 8, "in_channels": 1, "num_classes": 3, "depth": 2, "channels": 4, "steps": 3}
