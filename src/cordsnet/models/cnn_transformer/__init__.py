"""CNN-transformers: a feedforward network, and causal attention over a memory of the last steps."""

from cordsnet.models.cnn_transformer.model import CNNTransformer
from cordsnet.models.cnn_transformer.spec import CNNTransformerSpec

__all__ = ["CNNTransformer", "CNNTransformerSpec"]
