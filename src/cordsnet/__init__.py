"""Networks that see and evolve in time, for vision neuroscience.

>>> import cordsnet
>>> model = cordsnet.create_model("cordsnet_r2_small", in_channels=1, num_classes=10)
"""

from typing import TYPE_CHECKING

from cordsnet._lazy import import_on_demand
from cordsnet._version import __version__

if TYPE_CHECKING:
    from cordsnet.dynamics import (
        Activation,
        Clock,
        Effects,
        Intervention,
        Lesion,
        Precision,
        Record,
        Signal,
        State,
        System,
        Trajectory,
        clamp,
        inject,
        scale,
        silence,
        simulate,
        spontaneous_state,
        steady_state,
    )
    from cordsnet.errors import (
        ArgumentError,
        CheckpointError,
        DataError,
        DataWarning,
        DivergedError,
        RunError,
        TrainingDivergedError,
    )
    from cordsnet.models import (
        CNN,
        KINDS,
        MODELS,
        AreaSpec,
        ConnectionSpec,
        CordsNet,
        HookedModel,
        ModelRow,
        ModelSpec,
        NetworkSpec,
        StemSpec,
        VisionModel,
        create_model,
        fold,
        lesion,
        list_models,
        list_pretrained,
        load_model,
        load_published,
        save_model,
    )
    from cordsnet.stimuli import Protocol, blank, give, movie, show, show_at, together, with_noise

__all__ = [
    "CNN",
    "KINDS",
    "MODELS",
    "Activation",
    "AreaSpec",
    "ArgumentError",
    "CheckpointError",
    "Clock",
    "ConnectionSpec",
    "CordsNet",
    "DataError",
    "DataWarning",
    "DivergedError",
    "Effects",
    "HookedModel",
    "Intervention",
    "Lesion",
    "ModelRow",
    "ModelSpec",
    "NetworkSpec",
    "Precision",
    "Protocol",
    "Record",
    "RunError",
    "Signal",
    "State",
    "StemSpec",
    "System",
    "TrainingDivergedError",
    "Trajectory",
    "VisionModel",
    "__version__",
    "blank",
    "clamp",
    "create_model",
    "fold",
    "give",
    "inject",
    "lesion",
    "list_models",
    "list_pretrained",
    "load_model",
    "load_published",
    "movie",
    "save_model",
    "scale",
    "show",
    "show_at",
    "silence",
    "simulate",
    "spontaneous_state",
    "steady_state",
    "together",
    "with_noise",
]

import_on_demand(__name__)
