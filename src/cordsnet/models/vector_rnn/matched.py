"""Networks of another recurrence with as many units, or about as many parameters."""

from typing import Literal, get_args

from cordsnet._arguments import check_arguments
from cordsnet.models.vector_rnn.spec import Recurrence, VectorSpec

By = Literal["units", "parameters"]
LARGEST_SIDE = 32
"""Sides of maps are tried from 1 to this."""


@check_arguments
def matched(spec: VectorSpec, recurrence: Recurrence, by: By = "units") -> VectorSpec:
    """A spec with another recurrence, as large as `spec`. All that is not named below stays; so does the name.

    How near it comes is read from `size` (units) and `parameters` of the two specs.

    Parameters
    ----------
    spec : the network to be matched.
    recurrence : "dense", "lowrank", "sparse" or "conv".
    by : "units": the same number of units, exactly, but for "conv", whose channels and side are those that come
        nearest, the side as near to the spec's as can be. "parameters": the nearest number of trainable parameters of
        the whole network. For "lowrank" the rank is chosen and for "sparse" the density, both with the same number of
        units; for "dense" the number of units, and for "conv" channels and side. A rank is worth 2 N parameters, so
        that "lowrank" comes as near as N; "sparse" is exact where W has an entry for each.

    Raises
    ------
    ValueError : a recurrence that is unknown, or that the rest of the spec does not suit (`dale` and "lowrank").
    """
    for name, given, known in (("recurrence", recurrence, get_args(Recurrence)), ("by", by, get_args(By))):
        if given not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {given!r}")
    if recurrence == spec.recurrence:
        return spec
    if recurrence == "conv":
        return _nearest_map(spec, by)
    same = spec.changed(recurrence="dense", units=spec.size)
    if by == "units":
        return same.changed(recurrence=recurrence, rank=min(spec.rank, spec.size))
    if recurrence == "dense":
        return _nearest_units(spec)
    left = spec.parameters - (same.parameters - same.recurrent_parameters)
    if recurrence == "lowrank":
        return same.changed(recurrence="lowrank", rank=min(max(1, round(left / (2 * same.units))), same.units))
    return same.changed(recurrence="sparse", density=min(max(1, left), same.units**2) / same.units**2)


def _nearest_units(spec: VectorSpec) -> VectorSpec:
    """A dense network with the nearest number of parameters, which grows with its units."""
    low, high = 1, max(2, spec.parameters)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _dense(spec, middle).parameters <= spec.parameters else (low, middle)
    return min((_dense(spec, n) for n in (low, high)), key=lambda one: abs(one.parameters - spec.parameters))


def _dense(spec: VectorSpec, units: int) -> VectorSpec:
    least = 2 if spec.dale else 1
    return spec.changed(recurrence="dense", units=max(least, units))


def _nearest_map(spec: VectorSpec, by: By) -> VectorSpec:
    """Channels and side that come nearest; of equally near ones the side that is nearest to the spec's."""
    found = []
    for side in range(1, LARGEST_SIDE + 1):
        least = _with_channels(spec, side, 1)
        low, high = 1, max(2, _measure(spec, by) // side**2 + 1)
        while high - low > 1:
            middle = (low + high) // 2
            one = _with_channels(spec, side, middle)
            low, high = (middle, high) if _measure(one, by) <= _measure(spec, by) else (low, middle)
        found += [least, *(_with_channels(spec, side, channels) for channels in (low, high))]
    return min(found, key=lambda one: (abs(_measure(one, by) - _measure(spec, by)), abs(one.side - spec.side)))


def _with_channels(spec: VectorSpec, side: int, channels: int) -> VectorSpec:
    return spec.changed(recurrence="conv", side=side, channels=max(2 if spec.dale else 1, channels))


def _measure(spec: VectorSpec, by: By) -> int:
    return spec.size if by == "units" else spec.parameters
