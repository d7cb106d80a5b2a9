"""Networks that see and evolve: specs, CordsNet, its feedforward twin, storage, and public checkpoints."""

from cordsnet.models.cnn import CNN, fold, unit_bias
from cordsnet.models.cordsnet import CordsNet
from cordsnet.models.interface import VisionModel
from cordsnet.models.layout import layout
from cordsnet.models.published import load_published, published_names, published_state_dict
from cordsnet.models.spec import STEM, AreaSpec, ConnectionSpec, NetworkSpec, StemSpec
from cordsnet.models.storage import load_model, read_metadata, save_model
from cordsnet.models.zoo import MODELS, SPECS, build, cordsnet_spec, create_model, list_models

__all__ = [
    "CNN",
    "MODELS",
    "SPECS",
    "STEM",
    "AreaSpec",
    "ConnectionSpec",
    "CordsNet",
    "NetworkSpec",
    "StemSpec",
    "VisionModel",
    "build",
    "cordsnet_spec",
    "create_model",
    "fold",
    "layout",
    "list_models",
    "load_model",
    "load_published",
    "published_names",
    "published_state_dict",
    "read_metadata",
    "save_model",
    "unit_bias",
]
