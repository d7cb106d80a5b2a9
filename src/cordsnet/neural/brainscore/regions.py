"""Areas of a model that stand for the regions that benchmarks record from."""

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from cordsnet.dynamics import Record
from cordsnet.errors import ArgumentError
from cordsnet.models import VisionModel

Regions: TypeAlias = dict[str, tuple[str, ...]]

REGIONS = ("V1", "V2", "V4", "IT")
"""Regions of Brain-Score, lowest first; benchmarks of other regions need areas that the user names."""


def find_regions(model: VisionModel, areas: Mapping[str, str | Sequence[str]] | None) -> tuple[Regions, str]:
    """Areas of each region, and a sentence on where they are from if they were assumed, else an empty text.

    Raises ArgumentError for areas that the model does not have.
    """
    if areas is None:
        return _assumed(model)
    if not areas:
        raise ArgumentError('areas must name areas of at least one region, such as areas={"IT": "area2"}, got none')
    found: Regions = {}
    for region, given in areas.items():
        names = (given,) if isinstance(given, str) else tuple(given)
        if not names or len(set(names)) < len(names):
            raise ArgumentError(f"areas must name one area or several for {region!r}, each once, got {list(names)}")
        try:
            Record(names).signals(model.system())
        except (ValueError, TypeError) as error:
            raise ArgumentError(f"areas of {region!r}: {error}") from error
        found[str(region)] = names
    return found, ""


def _assumed(model: VisionModel) -> tuple[Regions, str]:
    """Areas that are called as the regions, or else areas at even steps from the lowest to the highest."""
    if set(REGIONS) <= set(model.areas):
        return {
            region: (region,) for region in REGIONS
        }, "areas are taken for the regions of Brain-Score whose names they have"
    count = len(model.areas)
    places = [math.ceil((k + 1) * count / len(REGIONS)) - 1 for k in range(len(REGIONS))]
    found: Regions = {region: (model.areas[place],) for region, place in zip(REGIONS, places, strict=True)}
    said = ", ".join(f"{region} {names[0]}" for region, names in found.items())
    return found, f"areas are assumed to stand for regions at even steps: {said}; name others with areas={{...}}"
