"""Models of images side by side, such as a stream for form and one for motion, as one model."""

from cordsnet.models.streams.model import Streams
from cordsnet.models.streams.spec import StreamsSpec

__all__ = ["Streams", "StreamsSpec"]
