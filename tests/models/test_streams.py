"""Models side by side, against each of them alone, and vector areas that read several of them, against a loop."""

import dataclasses

import pytest
import torch

import cordsnet
from cordsnet import create_model, inject, lesion, load_model, save_model, scale, silence, simulate
from cordsnet.models import KINDS, MODELS
from cordsnet.models.multi_area import MultiArea
from cordsnet.models.streams import Streams, StreamsSpec
from cordsnet.testing import check_model


def two(first, row, options, second, **others):
    return (first, row, options), (second, "cordsnet_r2_small", {"width": 2} | others)


PAIRS = {
    "rates": two("form", "cordsnet_r2_small", {"width": 4}, "motion", tau_ms=30),
    "steps": two("fast", "convgru_small", {"stem_channels": 3, "channels": (3, 4)}, "slow"),
    "static": two("at_once", "cnn_r2_small", {"width": 2}, "later"),
    "names": two("a", "cordsnet_r2_small", {"width": 2}, "a_b", width=3),
}
ACTS = {
    "silence": lambda before: silence(f"{before}area1"),
    "inject": lambda before: inject(f"{before}area2", 0.5),
    "scale": lambda before: scale(f"{before}area1 -> {before}area2", 0.0),
    "scale_stem": lambda before: scale(f"{before}stem -> {before}area1", 2.0),
}

pytestmark = pytest.mark.usefixtures("as_users_run_it")


def tiny(streams="rates", **changes):
    spec = StreamsSpec("two_streams_small", PAIRS[streams], num_classes=3, dt_ms=5.0).changed(**changes)
    return cordsnet.models.build(spec, seed=3).double().eval()


def with_areas(front, **changes):
    fields = {"areas": (("pfc", 6, 100.0), ("pm", 5, 50.0)), "noise": 0.0} | changes
    return MultiArea.from_front(front, **fields).eval()


def shown(model, trials=2):
    images = torch.randn(trials, 1, 16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return cordsnet.show(images, 15.0) + cordsnet.blank(10.0) + cordsnet.show(-images, 15.0)


@pytest.mark.parametrize("pair", PAIRS)
def test_every_stream_is_the_model_alone_and_scores_are_the_mean(pair):
    model = tiny(pair)
    whole = simulate(model, shown(model), record="all")
    scores = []
    for name, one in model.models.items():
        alone = simulate(one, shown(model), record="all", dt=model.dt_ms)
        for area, rates in alone.rates.items():
            assert torch.allclose(rates, whole.rates[f"{name}_{area}"], rtol=0, atol=1e-13)
            assert float(rates.detach().abs().max()) > 0
        scores.append(alone.outputs["scores"])
    assert torch.allclose(whole.outputs["scores"], (scores[0] + scores[1]) / 2, rtol=0, atol=1e-13)


def test_drives_and_encoded_images_are_those_of_the_models_alone():
    model = tiny("static")
    names = ["at_once_area1.drive", "later_area1.drive", "later_stem"]
    whole = simulate(model, shown(model), record=names)
    alone = simulate(model.models["later"], shown(model), record=["area1.drive", "stem"], dt=model.dt_ms)
    assert torch.equal(whole.rates["later_area1.drive"], alone.rates["area1.drive"])
    assert torch.equal(whole.rates["later_stem"], alone.rates["stem"])


@pytest.mark.parametrize("act", ACTS)
def test_interventions_reach_one_stream_by_name(act):
    model = tiny()
    act = ACTS[act]
    free = simulate(model, shown(model), record="all")
    found = simulate(model, shown(model), record="all", interventions=act("motion_"))
    alone = simulate(model.models["motion"], shown(model), record="all", interventions=act(""), dt=model.dt_ms)
    assert torch.equal(found.rates["form_area2"], free.rates["form_area2"])
    assert torch.allclose(found.rates["motion_area2"], alone.rates["area2"], rtol=0, atol=1e-13)
    assert not torch.equal(found.rates["motion_area2"], free.rates["motion_area2"])


@pytest.mark.parametrize("target", ["{}area1", "{}area1 -> {}area2", "{}area2 -> {}area2"])
def test_a_lesioned_stream_begins_and_goes_on_as_the_lesioned_model_alone(target, tmp_path):
    model = tiny()
    hurt = lesion(model, target.format("motion_", "motion_"))
    alone = lesion(model.models["motion"], target.format("", ""))
    save_model(hurt, tmp_path)
    for one in (hurt, load_model(tmp_path)):
        found = simulate(one, shown(model), record="all")
        wanted = simulate(alone, shown(model), record="all", dt=model.dt_ms)
        for area, rates in wanted.rates.items():
            assert torch.allclose(rates, found.rates[f"motion_{area}"], rtol=0, atol=1e-13)


def test_vector_areas_read_the_top_of_every_stream_as_in_a_loop_written_by_hand():
    model = with_areas(tiny(), outputs=(("choice", "option", 3),))
    assert model.read_areas == ("form_area2", "motion_area2")
    found = simulate(model, shown(model), record="all", initial_state="zero")
    maps = torch.cat([found.rates[top].relu().mean((3, 4)) for top in model.read_areas], 2)
    assert maps.shape[2] == model.into["pfc"].shape[1] == 4 + 2
    pfc, pm = torch.zeros(2, 6).double(), torch.zeros(2, 5).double()
    before = torch.zeros_like(maps[0])
    for step, read in enumerate(maps):
        drive = before @ model.into["pfc"].T + pfc @ model.within["pfc"].T + model.bias["pfc"]
        above = pfc @ model.into["pm"].T + pm @ model.within["pm"].T + model.bias["pm"]
        pfc, pm = pfc + 0.05 * (drive.relu() - pfc), pm + 0.1 * (above.relu() - pm)
        before = read
        assert torch.allclose(found.rates["pfc"][step], pfc, rtol=1e-12, atol=1e-14)
        assert torch.allclose(found.rates["pm"][step], pm, rtol=1e-12, atol=1e-14)
    assert float(pm.detach().abs().max()) > 0


def test_the_pathway_of_one_stream_can_be_cut():
    model = with_areas(tiny())
    assert {"form_area2 -> pfc", "motion_area2 -> pfc"} <= set(model.system().pathways)
    cut = simulate(lesion(model, "form_area2 -> pfc"), shown(model), record="all")
    with torch.no_grad():
        model.into["pfc"][:, :4] = 0
    wanted = simulate(model, shown(model), record="all")
    assert torch.allclose(cut.rates["pfc"], wanted.rates["pfc"], rtol=0, atol=1e-14)
    assert float(cut.rates["pfc"].detach().abs().max()) > 0


@pytest.mark.parametrize("reads", ["pool", "flatten"])
def test_one_front_end_may_be_read_in_several_areas_under_every_engine(reads):
    front = create_model("cordsnet_r2_small", width=3, in_channels=1, image_size=16, dt_ms=5.0).double()
    model = with_areas(front, read_area=["area1", "area2"], reads=reads)
    assert model.spec.read_area == ("area1", "area2")
    assert model.system().lead is None  # the front end is not run ahead, since two of its areas are read
    assert with_areas(front, read_area=["area2"]).system().lead is not None
    engines = [
        simulate(model, shown(model), engine=engine, grad=True, record="all") for engine in ("auto", "time_major")
    ]
    assert torch.allclose(engines[0].rates["pfc"], engines[1].rates["pfc"], rtol=0, atol=1e-13)
    assert float(engines[0].rates["pfc"].detach().abs().max()) > 0
    with pytest.raises(ValueError, match="feedback needs one read_area, to which it goes; got area1, area2"):
        with_areas(front, read_area=("area1", "area2"), feedback=True)


def test_streams_have_noise_of_their_own():
    noisy = {"num_classes": 3, "areas": (("pfc", 400, 100.0),), "outputs": (("scores", "class", 3),), "noise": 0.3}
    model = tiny()
    for name in list(model.models):
        front = with_areas(model.models[name], **{k: v for k, v in noisy.items() if k != "num_classes"})
        with torch.no_grad():
            front.bias["pfc"].fill_(10.0)
            front.within["pfc"].zero_()
            front.into["pfc"].zero_()
        model.models[name] = front
    found = simulate(model, shown(model), seed=4, record="all")
    last = [found.rates[f"{name}_pfc"][-1, 0].detach() for name in model.models]
    correlation = float(torch.corrcoef(torch.stack(last))[0, 1])
    assert abs(correlation) < 0.2
    alone = simulate(model.models["form"], shown(model), seed=4, record="all")
    assert torch.allclose(alone.rates["pfc"], found.rates["form_pfc"], rtol=0, atol=1e-13)


def test_the_step_is_that_of_all_streams():
    model = tiny("steps")
    model.dt_ms = 2.5
    assert [one.dt_ms for one in model.models.values()] == [2.5, 2.5]
    assert model.clock.kind == "steps"
    assert tiny("static").clock.kind == "continuous"


def test_a_model_with_areas_on_streams_passes_every_check():
    check_model(with_areas(tiny("names", dt_ms=2.0), noise=0.1), skip=["compiled_is_the_same"])


def test_batch_norms_of_every_stream_are_measured():
    streams = tuple((name, "dtcnn_r2_small", {"width": 4, "norm": "bn_per_step"}) for name in ("one", "two"))
    model = cordsnet.models.build(StreamsSpec(streams=streams, num_classes=3, dt_ms=10.0))
    images = torch.randn(6, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    wanted = {name: cordsnet.models.build(one.spec).train() for name, one in model.models.items()}
    for name, one in wanted.items():
        one.load_state_dict(model.models[name].state_dict())
        one.calibrate([images])
    model.calibrate(iter([images]))
    for name, one in wanted.items():
        found = model.models[name].state_dict()
        assert all(torch.equal(value, found[key]) for key, value in one.state_dict().items())


WRONG = {
    "no streams": ({"streams": ()}, "streams must be at least one"),
    "form": ({"streams": (("form", "cordsnet_r2_small"),)}, "must be tuples .name, row, options."),
    "twice": ({"streams": (("a", "cordsnet_r2_small", ()),) * 2}, "streams has 'a' twice"),
    "name": ({"streams": (("a.b", "cordsnet_r2_small", ()),)}, "a name must be a word"),
    "scores": ({"streams": (("a", "vector_rnn_dense", ()),)}, "'a' must be a model of images with class scores"),
    "no such row": ({"streams": (("a", "cordsnet_r3", ()),)}, "cordsnet_r3"),
    "option": ({"streams": (("a", "cordsnet_r2_small", {"depth_of": 3}),)}, "stream 'a' cannot be made .*depth_of"),
    "own": ({"streams": (("a", "cordsnet_r2_small", {"image_size": 8}),)}, "options of stream 'a' holds 'image_size'"),
    "clock": ({"streams": (("a", "convgru_small", {"ms_per_step": 20.0}),)}, "dt_ms = 2.0 does not fit the clock"),
    "classes": ({"num_classes": 0}, "num_classes must be a whole number of at least 1"),
    "dt": ({"dt_ms": -1.0}, "dt_ms must be"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_refused_in_one_sentence(case):
    changes, said = WRONG[case]
    with pytest.raises(ValueError, match=said) as caught:
        StreamsSpec(**changes)
    assert "\n" not in str(caught.value)


def test_the_spec_is_plain_data():
    spec = MODELS["two_streams_pfc_small"].spec
    assert type(spec).from_dict(spec.to_dict()) == spec
    assert KINDS["streams"] is Streams
    assert dataclasses.replace(spec, read_area=("form_area1",)).read_area == "form_area1"
    with pytest.raises(TypeError, match="read_area must be a text"):
        dataclasses.replace(spec, read_area=(1,))
    with pytest.raises(ValueError, match="read_area has 'form_area1' twice"):
        dataclasses.replace(spec, read_area=("form_area1", "form_area1"))
