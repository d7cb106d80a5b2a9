"""Recurrent networks for cognitive tasks whose trials are rendered as vectors."""

from cordsnet.models.vector_rnn.matched import matched
from cordsnet.models.vector_rnn.model import VectorRNN
from cordsnet.models.vector_rnn.spec import VectorSpec

__all__ = ["VectorRNN", "VectorSpec", "matched"]
