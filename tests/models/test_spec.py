"""Networks as data: round trips, refusals, scaling, and steps that never change the network in silence."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from cordsnet import AreaSpec, NetworkSpec
from cordsnet.models import SPECS, layout
from oracles import CASCADE, FEEDBACK, NETWORKS, one_area, tiny_r

ALL_SPECS = {**{name: SPECS[name] for name in SPECS}, **NETWORKS}


@pytest.mark.parametrize("name", ALL_SPECS)
def test_a_spec_survives_the_way_through_json(name):
    spec = ALL_SPECS[name]
    again = NetworkSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert hash(again) == hash(spec)
    assert layout(again) == layout(spec)


@pytest.mark.parametrize("make", [lambda tau: tau, lambda tau: tau.numpy(), lambda tau: tau.tolist()])
@pytest.mark.usefixtures("as_users_run_it")
def test_time_constants_per_unit_come_as_tensors_arrays_or_lists(make):
    tau = 5 + torch.arange(32, dtype=torch.float64).reshape(2, 4, 4) / 4
    spec = one_area(areas=(AreaSpec("area1", 2, tau_ms=make(tau)),))
    assert spec == NetworkSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert_allclose(np.array(spec.areas[0].tau_ms), tau)


def test_time_constants_per_unit_are_annotated_as_the_nested_sequences_they_may_be():
    assert AreaSpec("area1", 2, tau_ms=[[[8.0]], [[24.0]]]).tau_ms == (((8.0,),), ((24.0,),))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.update(areaz=[]), "NetworkSpec has no field 'areaz'"),
        (lambda d: d["stem"].update(colour=1), "StemSpec has no field 'colour'"),
        (lambda d: d["areas"][0].update(size=1), "AreaSpec has no field 'size'"),
        (lambda d: d["connections"][0].update(delay=1), "ConnectionSpec has no field 'delay'"),
        (lambda d: d.pop("readout"), "NetworkSpec lacks the field 'readout'"),
        (lambda d: d["areas"][1].pop("channels"), "AreaSpec lacks the field 'channels'"),
        (lambda d: d.update(stem=[64]), "StemSpec must be written as a table of its fields, got list"),
        (lambda d: d["areas"].append("area3"), "AreaSpec must be written as a table of its fields, got str"),
    ],
)
@pytest.mark.usefixtures("as_users_run_it")
def test_from_dict_names_the_field_that_is_wrong(change, message):
    data = json.loads(json.dumps(CASCADE.to_dict()))
    change(data)
    with pytest.raises(ValueError, match=message):
        NetworkSpec.from_dict(data)


def changed(spec=CASCADE, *, area=None, link=None, stem=None, **fields):
    """A spec with fields of its first area, its last connection, or its stem changed."""
    if area:
        fields["areas"] = (dataclasses.replace(spec.areas[0], **area), *spec.areas[1:])
    if link:
        fields["connections"] = (*spec.connections[:-1], dataclasses.replace(spec.connections[-1], **link))
    if stem:
        fields["stem"] = dataclasses.replace(spec.stem, **stem)
    return dataclasses.replace(spec, **fields)


WRONG_FIELDS = {
    "no classes": ({"num_classes": 0}, "num_classes", "0"),
    "half a class": ({"num_classes": 2.5}, "num_classes", "2.5"),
    "no channels in": ({"in_channels": 0}, "in_channels", "0"),
    "no image": ({"image_size": (0, 5)}, "image_size", "(0, 5)"),
    "three sizes": ({"image_size": (5, 5, 5)}, "image_size", "(5, 5, 5)"),
    "half a pixel": ({"image_size": (5.5, 5)}, "image_size", "5.5"),
    "no areas": ({"areas": ()}, "areas", "cascade"),
    "tau zero": ({"tau_ms": 0.0}, "tau_ms", "0.0"),
    "tau infinite": ({"tau_ms": float("inf")}, "tau_ms", "inf"),
    "dt zero": ({"dt_ms": 0.0}, "dt_ms", "0.0"),
    "dt negative": ({"dt_ms": -2.0}, "dt_ms", "-2.0"),
    "no readout": ({"readout": ()}, "readout", "area1"),
    "unknown readout": ({"readout": ("area9",)}, "readout", "area9"),
    "area channels": ({"area": {"channels": 0}}, "channels of 'area1'", "0"),
    "area stride": ({"area": {"stride": 0}}, "stride of 'area1'", "0"),
    "even kernel": ({"area": {"kernel": 4}}, "kernel of 'area1'", "4"),
    "even recurrence": ({"area": {"recurrent_kernel": 2}}, "recurrent_kernel of 'area1'", "2"),
    "recurrence of size zero": ({"area": {"recurrent_kernel": 0}}, "recurrent_kernel of 'area1'", "0"),
    "area tau": ({"area": {"tau_ms": -1.0}}, "tau_ms of 'area1'", "-1"),
    "area tau in words": ({"area": {"tau_ms": "fast"}}, "tau_ms", "fast"),
    "area name with a space": ({"area": {"name": "area 1"}}, "area 1", "letters"),
    "area called stem": ({"area": {"name": "stem"}}, "stem", "different"),
    "same name twice": ({"area": {"name": "area2"}}, "area2", "different"),
    "unknown source": ({"link": {"source": "areaX"}}, "areaX_to_area2", "known"),
    "unknown target": ({"link": {"target": "areaX"}}, "stem_to_areaX", "known"),
    "even link": ({"link": {"kernel": 2}}, "kernel of 'stem_to_area2'", "2"),
    "link stride": ({"link": {"stride": 0}}, "stride of 'stem_to_area2'", "0"),
    "onto": ({"link": {"onto": "output"}}, "onto of 'stem_to_area2'", "output"),
    "delay negative": ({"link": {"delay_ms": -1.0}}, "delay_ms of 'stem_to_area2'", "-1"),
    "delay not a number": ({"link": {"delay_ms": float("nan")}}, "delay_ms of 'stem_to_area2'", "nan"),
    "twice the same": ({"connections": CASCADE.connections * 2}, "stands twice", "stem_to_area1"),
    "stem channels": ({"stem": {"channels": 0}}, "stem", "0"),
    "stem kernel": ({"stem": {"kernel": 0}}, "stem", "0"),
    "stem kernel even": ({"stem": {"kernel": 4}}, "stem", "4"),
    "stem stride": ({"stem": {"stride": 0}}, "stem", "0"),
    "stem pool": ({"stem": {"pool_kernel": 0}}, "stem", "0"),
    "stem pool even": ({"stem": {"pool_kernel": 2}}, "stem", "2"),
    "stem pool stride": ({"stem": {"pool_stride": 0}}, "stem", "0"),
}


@pytest.mark.parametrize("case", WRONG_FIELDS)
@pytest.mark.usefixtures("as_users_run_it")
def test_a_wrong_field_is_refused_by_name_with_what_came(case):
    change, culprit, came = WRONG_FIELDS[case]
    with pytest.raises(ValueError, match=".") as caught:
        changed(**change)
    message = str(caught.value)
    assert culprit in message
    assert came in message
    assert "\n" not in message


MISFITS = {
    "too small an image": (changed(tiny_r(2), image_size=(1, 1), stem={"kernel": 3, "pad": 0} and {"stride": 1}), None),
    "nothing from below": (changed(connections=CASCADE.connections[:1]), "area 'area2' reads nothing from below"),
    "channels without a kernel": (changed(link={"kernel": None}, area={"channels": 3}), "'stem_to_area2' passes 2 "),
    "too large a source": (changed(FEEDBACK, area={"stride": 4}), "'low_to_top_drive'|'top_to_low'|'low_to_high'"),
    "unequal readouts": (changed(readout=("area1", "area2")), r"readout areas \['area1', 'area2'\] differ in channels"),
    "tau of another shape": (one_area(areas=(AreaSpec("area1", 2, tau_ms=((8.0, 9.0),)),)), "tau_ms of 'area1'"),
    "tau of other maps": (
        changed(area={"tau_ms": (((8.0,),),) * 5}),
        r"tau_ms of 'area1' must broadcast to \[2, 5, 5\]",
    ),
    "ragged tau": (changed(area={"tau_ms": (((8.0,),), ((8.0, 9.0),))}), "tau_ms of 'area1'"),
    "tau with a zero": (
        changed(area={"tau_ms": (((8.0,),), ((0.0,),))}),
        "tau_ms of 'area1' must be finite and above 0",
    ),
}
