"""Networks as data: round trips, refusals, scaling, and steps that never change the network in silence."""

import dataclasses
import json
import re

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

import cordsnet
from cordsnet import AreaSpec, ConnectionSpec, NetworkSpec, StemSpec, create_model, list_models, show, simulate
from cordsnet.models import KINDS, MODELS, build, cordsnet_spec, layout
from oracles import CASCADE, DELAYS, FEEDBACK, NETWORKS, PER_UNIT_TAU, one_area, random_images, randomised

SPECS = {name: MODELS[name].spec for name in MODELS.names("cord*_*")}
ALL_SPECS = {**{name: spec for name, spec in SPECS.items() if isinstance(spec, NetworkSpec)}, **NETWORKS}


@pytest.mark.parametrize("name", ALL_SPECS)
def test_a_spec_survives_the_way_through_json(name):
    spec = ALL_SPECS[name]
    again = type(spec).from_dict(json.loads(json.dumps(spec.to_dict())))
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
    "onto": ({"link": {"onto": "output"}}, "onto of 'stem_to_area2", "output"),
    "delay negative": ({"link": {"delay_ms": -1.0}}, "delay_ms of 'stem_to_area2", "-1"),
    "delay not a number": ({"link": {"delay_ms": float("nan")}}, "delay_ms of 'stem_to_area2", "nan"),
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
    with pytest.raises(ValueError, match=re.escape(culprit)) as caught:
        changed(**change)
    message = str(caught.value)
    assert came in message
    assert "\n" not in message


MISFITS = {
    "nothing from below": ({"connections": CASCADE.connections[:1]}, "area 'area2' reads nothing from below"),
    "channels without a kernel": (
        {"area": {"channels": 3}, "link": {"kernel": None}},
        "connection 'stem_to_area2' passes 2 channels on as they are where 3 are read; give it a kernel",
    ),
    "too large a source": (
        {"area": {"stride": 2}},
        "connection 'stem_to_area2' arrives with 5 x 5 units where 3 x 3 are read; give it a larger stride",
    ),
    "unequal readouts": ({"readout": ("area1", "area2")}, "readout areas ['area1', 'area2'] differ in channels"),
    "flat tau": ({"area": {"tau_ms": ((8.0, 9.0),)}}, "tau_ms of 'area1' must broadcast to [2, 5, 5]"),
    "tau of other maps": ({"area": {"tau_ms": (((8.0,),),) * 5}}, "tau_ms of 'area1' must broadcast to [2, 5, 5]"),
    "ragged tau": ({"area": {"tau_ms": (((8.0,),), ((8.0, 9.0),))}}, "tau_ms of 'area1'"),
    "tau with a zero": ({"area": {"tau_ms": (((8.0,),), ((0.0,),))}}, "tau_ms of 'area1' must be finite and above 0"),
}


@pytest.mark.parametrize("case", MISFITS)
@pytest.mark.usefixtures("as_users_run_it")
def test_parts_that_do_not_fit_are_refused_by_name(case):
    change, message = MISFITS[case]
    with pytest.raises(ValueError, match=re.escape(message)):
        build(changed(**change))


@pytest.mark.parametrize("name", ["values", "items", "pop", "type", "training", "logits", "time", "trial"])
@pytest.mark.usefixtures("as_users_run_it")
def test_an_area_name_that_torch_or_xarray_would_clash_with_is_refused_by_name(name):
    links = (ConnectionSpec("stem", name),)
    with pytest.raises(ValueError, match=f"area name '{name}'"):
        build(one_area(areas=(AreaSpec(name, 2),), connections=links, readout=(name,)))


@pytest.mark.parametrize("name", ["V1", "area_17", "weight", "bias", "x"])
def test_other_identifiers_name_areas_everywhere(name):
    links = (ConnectionSpec("stem", name),)
    model = randomised(one_area(areas=(AreaSpec(name, 2),), connections=links, readout=(name,)))
    traj = simulate(model, show(random_images(model.spec), 10), record="all")
    assert traj.rates[name].shape == (5, 2, 2, 4, 4)
    assert traj.to_xarray()[name].shape == (5, 2, 2, 4, 4)


def test_feedback_alone_ends_a_cascade():
    assert [name for name, spec in ALL_SPECS.items() if not spec.is_cascade] == ["feedback", "delays"]
    upwards = (ConnectionSpec("stem", "area1"), ConnectionSpec("area1", "area1", kernel=1))
    assert not one_area(connections=upwards).is_cascade


def test_list_models_gives_the_names_that_match():
    sizes = [2, 4, 6, 8]
    assert list_models("cordsnet_r?") == [f"cordsnet_r{n}" for n in sizes]
    assert list_models("cordsnet_r?_small") == [f"cordsnet_r{n}_small" for n in sizes]
    assert set(list_models("cordsnet_*")) <= set(list_models())
    assert list_models("nothing_*") == []


@pytest.mark.parametrize("name", list_models("cordsnet_[rt]*_small"))
def test_every_small_model_sees_and_answers(name):
    model = create_model(name, num_classes=4, in_channels=1, width=2)
    logits = model(random_images(model.spec, batch=2).float(), ms=20)
    assert logits.shape == (2, 4)
    assert torch.isfinite(logits).all()


def test_arguments_of_create_model_reach_the_network():
    model = create_model(
        "cordsnet_r2_small", num_classes=7, in_channels=2, image_size=(12, 20), width=4, tau_ms=20.0, dt_ms=1.0
    )
    assert model.input_shape == (2, 12, 20)
    assert model.num_classes == 7
    assert model.dt_ms == 1.0
    assert model.spec.tau_ms == 20.0
    assert dict(model.shapes) == {"area1": (4, 6, 10), "area2": (4, 6, 10)}
    assert model.readout(model.initial_state(3)).shape == (3, 7)


def test_what_is_not_given_stays_as_the_row_says():
    model = create_model("cordsnet_r2_small", image_size=10)
    wanted = dataclasses.replace(MODELS["cordsnet_r2_small"].spec, image_size=(10, 10))
    assert model.spec == wanted


def test_the_seed_alone_decides_the_weights_and_leaves_the_global_generator_as_it_was():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = create_model("cordsnet_r2_small", width=2, seed=5).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.randn(10)
    second = create_model("cordsnet_r2_small", width=2, seed=5).state_dict()
    other = create_model("cordsnet_r2_small", width=2, seed=6).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    stem = "wiring.stem.parametrizations.weight.original1"
    assert not torch.equal(first[stem], other[stem])


@pytest.mark.usefixtures("as_users_run_it")
def test_a_seed_gives_the_same_network_whatever_the_default_type_is():
    single = create_model("cordsnet_r2_small", width=2, seed=np.int64(5)).state_dict()
    torch.set_default_dtype(torch.float64)
    try:
        double = create_model("cordsnet_r2_small", width=2, seed=5).state_dict()
    finally:
        torch.set_default_dtype(torch.float32)
    assert {value.dtype for value in double.values()} == {torch.float64}
    assert all(torch.equal(value.double(), double[name]) for name, value in single.items())


@pytest.mark.usefixtures("as_users_run_it")
def test_whole_numbers_of_numpy_are_whole_numbers():
    sizes = {"num_classes": np.int64(4), "in_channels": np.int32(1), "image_size": np.int64(8), "width": np.int16(2)}
    spec = create_model("cordsnet_r2_small", tau_ms=np.float32(20), **sizes).spec
    assert json.loads(json.dumps(spec.to_dict()))["num_classes"] == 4
    assert spec == NetworkSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert spec.image_size == (8, 8)
    assert AreaSpec("area1", np.int64(3)).channels == 3


@pytest.mark.parametrize("name", list_models())
def test_every_row_names_its_kind_its_paper_and_a_spec_that_is_plain_data(name):
    row = MODELS[name]
    assert row.name == row.spec.name == name
    assert KINDS[row.kind].spec_type is type(row.spec)
    assert re.search(r"[A-Z].*(20\d\d|https://)", row.source)
    assert type(row.spec).from_dict(json.loads(json.dumps(row.spec.to_dict()))) == row.spec


@pytest.mark.parametrize(
    "name", [f"{family}_r2_small" for family in ("cordsnet", "cordsnet_top", "cnn", "dtcnn", "deq_conv")]
)
def test_a_model_says_what_it_is_in_numbers(name):
    facts = create_model(name, in_channels=1, num_classes=4, width=2).summary()
    assert facts.inputs == {"image": (1, 16, 16)}
    assert facts.units == 2 * 2 * 8 * 8
    assert "2 areas, 256 units" in str(facts)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: create_model("cordsnet_r2_smal"),
            "unknown model 'cordsnet_r2_smal'; did you mean 'cordsnet_r2_small'",
        ),
        (lambda: create_model("xyz"), "unknown model 'xyz'; known: akorn"),
        (lambda: create_model("cordsnet_r2_small", classes=3), "create_model has no argument 'classes'"),
        (lambda: create_model("cordsnet_r2_small", width=0), "width = 0"),
        (lambda: create_model("cordsnet_r2_small", image_size=-1), "image_size must be"),
        (lambda: cordsnet_spec("r3", 3, StemSpec(2), 16), "depth must be an even number of areas, at least 2, got 3"),
        (lambda: cordsnet_spec("r0", 0, StemSpec(2), 16), "depth must be an even number of areas, at least 2, got 0"),
    ],
)
@pytest.mark.usefixtures("as_users_run_it")
def test_names_and_arguments_that_are_not_known_are_answered(call, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_registered_names_are_not_overwritten():
    with pytest.raises(ValueError, match="model 'cordsnet_r2' is registered already"):
        MODELS.add("cordsnet_r2", MODELS["cordsnet_r2"])


@pytest.mark.parametrize(("width", "channels"), [(1, [1, 1, 2, 2]), (16, [16, 16, 32, 32]), (24, [24, 24, 48, 48])])
def test_width_scales_every_area_in_proportion(width, channels):
    spec = MODELS["cordsnet_r4_small"].spec.changed(width)
    assert spec.stem.channels == width
    assert [area.channels for area in spec.areas] == channels
    assert spec.connections == MODELS["cordsnet_r4_small"].spec.connections


def test_a_width_that_leaves_half_channels_is_refused():
    spec = one_area(stem=StemSpec(4, 1, 1, 1, 1), connections=(ConnectionSpec("stem", "area1"),))
    with pytest.raises(ValueError, match="width = 5 does not scale 2 channels to a whole number"):
        spec.changed(5)


@pytest.mark.parametrize("dt", [4.0, 3.0, 2.5])
def test_a_dt_that_does_not_divide_a_delay_is_refused_naming_the_source(dt):
    images = random_images(DELAYS, batch=1)
    with pytest.raises(ValueError, match=r"delay of the pathway from '(stem|low|high)' = \d+ ms is not a whole number"):
        simulate(randomised(DELAYS), show(images, 60), dt=dt)


def test_a_delay_that_the_dt_of_the_spec_cannot_represent_is_refused():
    model = randomised(dataclasses.replace(DELAYS, dt_ms=3.0))
    with pytest.raises(ValueError, match="delay of the pathway from"):
        model.step(model.initial_state(1), None)


@pytest.mark.parametrize(
    ("areas", "dt", "culprit"),
    [
        ((AreaSpec("area1", 2), AreaSpec("area2", 3)), 20.0, "area1"),
        ((AreaSpec("area1", 2), AreaSpec("area2", 3, tau_ms=2.0)), 4.0, "area2"),
        (PER_UNIT_TAU.areas, 10.0, "area2"),
    ],
)
def test_a_dt_of_twice_the_time_constant_is_refused_naming_the_area(areas, dt, culprit):
    model = randomised(dataclasses.replace(CASCADE, areas=areas))
    images = random_images(CASCADE)
    with pytest.raises(ValueError, match=f"dt = {dt:g} ms is unstable for '{culprit}', whose time constant is"):
        simulate(model, show(images, 200), dt=dt)
    assert torch.isfinite(simulate(model, show(images, 5 * dt), dt=dt / 2).logits).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_finer_steps_simulate_the_same_network(name):
    model = randomised(NETWORKS[name])
    images = random_images(model.spec)
    coarse, middle, fine = (simulate(model, show(images, 30), dt=dt, initial_state="zero") for dt in (1.0, 0.5, 0.25))
    far = (coarse.logits[-1] - middle.logits[-1]).norm()
    near = (middle.logits[-1] - fine.logits[-1]).norm()
    assert near < 0.7 * far
    assert far < 0.1 * fine.logits[-1].norm()


def test_the_public_door_makes_a_model_from_a_spec_of_ones_own():
    model = build(FEEDBACK, seed=3)
    assert isinstance(model, cordsnet.CordsNet)
    assert model.areas == ("low", "high", "top")
    assert layout(FEEDBACK).units == 2 * 5 * 6 + 3 * 3 * 3 + 3 * 3 * 3
