"""Networks that see and evolve: specs, CordsNet, its feedforward twin, storage, and public checkpoints."""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand

if TYPE_CHECKING:
    from cordsnet.models.arrival import arrival_steps
    from cordsnet.models.card import write_model_card
    from cordsnet.models.cordsnet.cnn import CNN, fold
    from cordsnet.models.cordsnet.layout import layout
    from cordsnet.models.cordsnet.model import CordsNet
    from cordsnet.models.cordsnet.published import load_published, published_names, published_state_dict
    from cordsnet.models.cordsnet.rows import cordsnet_spec
    from cordsnet.models.cordsnet.spec import STEM, AreaSpec, ConnectionSpec, NetworkSpec, StemSpec
    from cordsnet.models.cordsnet.unit_bias import unit_bias
    from cordsnet.models.exporting import export_step
    from cordsnet.models.files import read_metadata
    from cordsnet.models.hooked import HookedModel
    from cordsnet.models.interface import VisionModel
    from cordsnet.models.lesion import lesion
    from cordsnet.models.preprocessing import Preprocessing
    from cordsnet.models.pretrained import list_pretrained
    from cordsnet.models.saving import SavedModel
    from cordsnet.models.spec import ImageSpec, ModelSpec
    from cordsnet.models.storage import load_model, save_model
    from cordsnet.models.summary import Summary
    from cordsnet.models.table import KINDS, MODELS, ModelRow
    from cordsnet.models.unrolled import UnrolledModel, to_torch_module
    from cordsnet.models.zoo import build, create_model, list_models

__all__ = [
    "CNN",
    "KINDS",
    "MODELS",
    "STEM",
    "AreaSpec",
    "ConnectionSpec",
    "CordsNet",
    "HookedModel",
    "ImageSpec",
    "ModelRow",
    "ModelSpec",
    "NetworkSpec",
    "Preprocessing",
    "SavedModel",
    "StemSpec",
    "Summary",
    "UnrolledModel",
    "VisionModel",
    "arrival_steps",
    "build",
    "cordsnet_spec",
    "create_model",
    "export_step",
    "fold",
    "layout",
    "lesion",
    "list_models",
    "list_pretrained",
    "load_model",
    "load_published",
    "published_names",
    "published_state_dict",
    "read_metadata",
    "save_model",
    "to_torch_module",
    "unit_bias",
    "write_model_card",
]

import_on_demand(__name__)
