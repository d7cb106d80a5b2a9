"""Lesions of a model: a copy of it without some of its parts."""

import copy
import math
from typing import TypeVar

import torch

from cordsnet._arguments import check_arguments
from cordsnet._checks import check_few
from cordsnet.dynamics.interventions import target_shape
from cordsnet.dynamics.lesions import Lesion
from cordsnet.dynamics.units import Units, unit_mask
from cordsnet.models.interface import VisionModel

Model = TypeVar("Model", bound=VisionModel)


@check_arguments
def lesion(model: Model, target: str, *, units: Units = None, fraction: float | None = None, seed: int = 0) -> Model:
    """A copy of `model` without a part of it, for good: in simulation, training and analysis, and in what is saved.

    A lesioned unit has a rate of zero. A lesioned pathway delivers nothing to the units in which it ends.

    Parameters
    ----------
    model : any model of the table; it stays as it is.
    target : an area, "area1", or a pathway, "area1 -> area2"; "area1 -> area1" is an area's recurrence.
    units : of the area, or of the area in which the pathway ends: whole numbers for channels of a map or units of a
        vector, (channel, row, column) for single units, or booleans that broadcast to the shape; None for all.
    fraction : share of the units, drawn by `seed`, in place of `units`.

    Raises
    ------
    ValueError, TypeError : an area, pathway or units that are not there; says what is.
    """
    system = model.system()
    shape = target_shape(system, target, pathway="->" in target)
    if units is not None:
        check_few(units, "units", len(shape) * math.prod(shape))  # as many places as there are units
        given = torch.as_tensor(units)
        if given.ndim == 0:
            raise TypeError(f"units must be whole numbers or booleans in a sequence, got {units!r:.80}")
        if given.dtype == torch.bool:
            mask = unit_mask(given, shape, target, "cpu")
            assert mask is not None
            units = mask.nonzero()
    part = Lesion(target, None if units is None else tuple(torch.as_tensor(units).tolist()), fraction, seed)
    hurt = copy.deepcopy(model)
    hurt.lesions = (*model.lesions, part)
    hurt.system()  # so that parts that cannot be lost are refused here
    return hurt
