"""Names of axes and types of tensors.

Letters that stand for axes in docstrings and error messages:

    B  trials in a batch        C  channels (feature maps) of an area
    T  time steps               H  rows of a map
    K  classes                  W  columns of a map

All durations are in milliseconds (ms). Rates are in arbitrary units; with a rectified activation they are never
negative if they are not negative at the start. `docs/glossary.md` defines the words of the package.
"""

from typing import TypeAlias

from jaxtyping import Float, Int
from torch import Tensor

Images: TypeAlias = Float[Tensor, "batch channel height width"]
Frames: TypeAlias = Float[Tensor, "frame batch channel height width"]
Logits: TypeAlias = Float[Tensor, "batch classes"]
ClassLabels: TypeAlias = Int[Tensor, " batch"]
SoftLabels: TypeAlias = Float[Tensor, "batch classes"]
