"""Strict translation between our parameter names and those of the public CordsNet code."""

from pathlib import Path

from torch import Tensor

from cordsnet._arguments import check_arguments
from cordsnet.models.cordsnet.model import CordsNet
from cordsnet.models.cordsnet.spec import STEM, NetworkSpec
from cordsnet.models.tensors import check_match, fitted, read_tensors

_GAIN, _DIRECTION = "parametrizations.weight.original0", "parametrizations.weight.original1"


@check_arguments
def load_published(model: CordsNet, path: str | Path) -> CordsNet:
    """Fill `model` with the weights of a public checkpoint, such as `cordsnetr8.pth`.

    The file is a plain state dict (or safetensors), or a training checkpoint with one as an entry such as
    "state_dict", "model_state_dict", "model" or "ema". Names may have the prefixes that wrappers and scripts leave
    ("module.", "_orig_mod.", "model.", "net.", ...), in any order and number, and weight-normalised kernels may have
    their old names ("weight_g", "weight_v"). Weights alone are read; nothing that the file brings is executed. Every
    name and shape must match, both ways, and every number must be finite in the precision of the model.

    Raises
    ------
    CheckpointError : missing, damaged or foreign file, weights of several networks, a name, a shape or a type of
        numbers that does not fit; the model is then unchanged.
    """
    names = published_names(model.spec)
    wanted = {names[name]: value for name, value in model.state_dict().items()}
    found = fitted(read_tensors(path), wanted, path)
    check_match(found, wanted, path)
    model.load_state_dict({name: found[public] for name, public in names.items()}, strict=True)
    return model


@check_arguments
def published_state_dict(model: CordsNet) -> dict[str, Tensor]:
    """The model's weights under the names of the public code."""
    names = published_names(model.spec)
    return {names[name]: value for name, value in model.state_dict().items()}


@check_arguments
def published_names(spec: NetworkSpec) -> dict[str, str]:
    """Our parameter name -> the public one. Raises ValueError for networks that the public code cannot express."""
    modules = {"wiring.stem": "inp_conv"}
    for k, area in enumerate(spec.areas):
        modules[f"wiring.feedforward.{area.name}"] = f"area_area.{k}"
        modules[f"wiring.recurrent.{area.name}"] = f"area_conv.{k}"
    kernels = [link for link in spec.connections if link.kernel is not None]
    from_stem = [link for link in kernels if link.source == STEM]
    skips = [link for link in kernels if link.source != STEM]
    if not spec.is_cascade or len(from_stem) != 1 or any(link.onto != "input" for link in spec.connections):
        raise ValueError(f"network {spec.name!r} is not wired like the public CordsNet, so it has no public names")
    modules[f"wiring.links.{from_stem[0].name}"] = "inp_skip"
    modules |= {f"wiring.links.{link.name}": f"skip_area.{k}" for k, link in enumerate(skips)}
    modules["wiring.readout"] = "out_fc"
    names = {f"{own}.{part}": f"{public}.{part}" for own, public in modules.items() for part in (_GAIN, _DIRECTION)}
    names |= {f"bias.{area.name}": f"conv_bias.{k}" for k, area in enumerate(spec.areas)}
    return names | {"wiring.readout.bias": "out_fc.bias"}
