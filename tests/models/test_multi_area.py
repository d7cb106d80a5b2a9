"""Networks of a visual front end and vector areas, against the front end alone and a loop written by hand."""

import copy
import dataclasses

import pytest
import torch

import cordsnet
from cordsnet import create_model, lesion, load_model, save_model, silence, simulate
from cordsnet.errors import CheckpointError
from cordsnet.models import MODELS
from cordsnet.models.multi_area import MultiArea, MultiAreaSpec
from cordsnet.stimuli import together
from cordsnet.testing import CHECKS, check_model

ROWS = ["cordsnet_pfc_small", "cnn_pfc_small", "cornet_rt_pfc_small", "blt_pfc_small", "convgru_pfc_small"]
SMALL_FIRST = sorted(MODELS, key=lambda name: not name.endswith("_small"))
FRONTS = {MODELS[name].kind: name for name in SMALL_FIRST[::-1] if hasattr(MODELS[name].spec, "image_size")}
"""Kind -> its first small row."""
FRONTS.pop("multi_area")
TWO = (("pfc", 6, 100.0), ("pm", 5, 50.0))
STEPS = 8

pytestmark = pytest.mark.usefixtures("as_users_run_it")


def tiny(name, **changes):
    return create_model(name, **(dict(MODELS[name].tiny) | changes), seed=3).double().eval()


def shown(model, trials=2):
    draw = torch.Generator().manual_seed(1)
    images = torch.randn(trials, *model.input_shape, generator=draw, dtype=torch.float64)
    return (
        cordsnet.show(images, 3 * model.dt_ms)
        + cordsnet.blank(2 * model.dt_ms)
        + cordsnet.show(-images, 3 * model.dt_ms)
    )


@pytest.mark.parametrize("name", ROWS)
def test_areas_of_the_front_end_are_those_of_the_front_end_alone(name):
    model = tiny(name)
    whole = simulate(model, shown(model), record="all", seed=2, engine="time_major")
    alone = simulate(model.front, shown(model), record="all", dt=model.dt_ms, engine="time_major")
    assert tuple(alone.rates) == model.front.areas
    for area, rates in alone.rates.items():
        assert torch.equal(rates, whole.rates[area])


@pytest.mark.parametrize("kind", FRONTS)
def test_a_model_of_every_kind_can_be_a_front_end(kind):
    row = MODELS[FRONTS[kind]]
    front = create_model(row.name, **row.tiny).double().eval()
    model = MultiArea.from_front(front, areas=(("pfc", 5, 2.5 * front.dt_ms),), noise=0.0).eval()
    draw = torch.Generator().manual_seed(1)
    inputs = {k: torch.randn(2, *shape, generator=draw, dtype=torch.float64) for k, shape in model.inputs.items()}
    protocol = together(*(cordsnet.give(name, values, 6 * model.dt_ms) for name, values in inputs.items()))
    whole, alone = (simulate(one, protocol, record="all", engine="time_major", grad=True) for one in (model, front))
    assert all(torch.equal(rates, whole.rates[area]) for area, rates in alone.rates.items())
    assert float(whole.rates["pfc"].detach().abs().max()) > 0
    assert MultiAreaSpec.from_dict(model.spec.to_dict()) == model.spec


def test_batch_norms_of_a_trained_front_end_are_measured_and_those_of_a_frozen_one_are_kept():
    tiny_norms = {"width": 4, "norm": "bn_per_step"}
    movie = torch.randn(2, 6, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    for how in ("fine_tuned", "frozen"):
        spec = {"front": "dtcnn_r2_small", "front_options": tiny_norms, "dt_ms": 10.0, "train_front": how}
        model = create_model("cordsnet_pfc_small", **spec, seed=1)
        assert model.front.training is (how == "fine_tuned")
        before, front = copy.deepcopy(model.front.state_dict()), copy.deepcopy(model.front)
        model.calibrate([movie])
        front.calibrate(list(movie))
        wanted = front.state_dict() if how == "fine_tuned" else before
        assert all(torch.equal(value, wanted[name]) for name, value in model.front.state_dict().items())
        assert any(not torch.equal(value, before[name]) for name, value in front.state_dict().items())


@pytest.mark.parametrize("reads", ["pool", "flatten"])
@pytest.mark.parametrize("name", ["cordsnet_pfc_small", "convgru_pfc_small", "cnn_pfc_small"])
def test_vector_areas_are_those_of_a_loop_written_by_hand(name, reads):
    model = tiny(name, areas=TWO, noise=0.0, reads=reads, outputs=(("choice", "option", 3), ("eye", "coordinate", 2)))
    found = simulate(model, shown(model), record="all", initial_state="zero")
    maps = found.rates[model.top]
    maps = maps.relu() if name.startswith("cordsnet") else maps
    read = maps.mean((3, 4)) if reads == "pool" else maps.flatten(2)
    pfc, pm = torch.zeros(2, 6).double(), torch.zeros(2, 5).double()
    before = torch.zeros_like(read[0])
    for step in range(STEPS):
        drive = before @ model.into["pfc"].T + pfc @ model.within["pfc"].T + model.bias["pfc"]
        above = pfc @ model.into["pm"].T + pm @ model.within["pm"].T + model.bias["pm"]
        pfc = pfc + model.dt_ms / 100 * (drive.relu() - pfc)
        pm = pm + model.dt_ms / 50 * (above.relu() - pm)
        before = read[step]
        assert torch.allclose(found.rates["pfc"][step], pfc, rtol=1e-12, atol=1e-14)
        assert torch.allclose(found.rates["pm"][step], pm, rtol=1e-12, atol=1e-14)
    for output in ("choice", "eye"):
        said = pm @ model.head[output].T + model.bias[output]
        assert torch.allclose(found.outputs[output][-1], said, rtol=1e-12, atol=1e-14)
    assert float(pm.detach().abs().max()) > 0


def test_a_static_front_end_sees_a_held_image_once(monkeypatch):
    model, calls = tiny("cnn_pfc_small"), []
    rates = model.front.rates
    monkeypatch.setattr(model.front, "rates", lambda images: calls.append(len(images)) or rates(images))
    simulate(model, shown(model))
    assert calls == [2, 1, 2]


def test_noise_is_private_and_has_the_strength_that_was_asked_for():
    areas = (("pfc", 40, 100.0), ("pm", 40, 50.0))
    model = tiny("cordsnet_pfc_small", areas=areas, noise=0.2)
    with torch.no_grad():
        for name in ("pfc", "pm"):
            model.within[name].zero_()
            model.into[name].zero_()
            model.bias[name].fill_(10.0)  # far from the kink, so that units are linear
    rates = simulate(model, cordsnet.blank(4000), record=["pfc", "pm"], seed=1).rates
    for name in ("pfc", "pm"):
        late = rates[name][200:, 0]
        assert float(late.std(0).mean()) == pytest.approx(0.2, rel=0.1)
    both = torch.cat([rates["pfc"][200:, 0], rates["pm"][200:, 0]], 1)
    correlations = torch.corrcoef(both.T) - torch.eye(80)
    assert float(correlations.mean().abs()) < 0.05


def test_lesions_act_in_the_front_end_and_in_vector_areas(tmp_path):
    model = tiny("cordsnet_pfc_small")
    whole = simulate(model, shown(model), record="all", seed=2)
    low = lesion(model, "area1", units=[0, 1])
    found = simulate(low, shown(low), record="all", seed=2)
    alone = simulate(
        lesion(model.front, "area1", units=[0, 1]), shown(model), record="all", dt=model.dt_ms, engine="time_major"
    )
    for area in model.front.areas:  # as a circuit without these units, whose spontaneous activity is another too
        assert torch.equal(found.rates[area], alone.rates[area])
    assert not torch.equal(found.rates["pfc"], whole.rates["pfc"])
    high = lesion(low, "pfc", units=[2])
    again = simulate(high, shown(high), record="all", seed=2)
    assert (again.rates["pfc"][:, :, 2] == 0).all()
    assert torch.equal(again.rates["area2"], found.rates["area2"])
    hurt = copy.deepcopy(model)
    hurt.front = lesion(hurt.front, "area1", units=[0, 1])
    save_model(hurt, tmp_path / "hurt")
    assert load_model(tmp_path / "hurt").lesions == low.lesions
    save_model(high, tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.lesions == high.lesions
    assert torch.equal(simulate(loaded, shown(high), record="all", seed=2).rates["pfc"], again.rates["pfc"])


def test_a_pathway_that_is_cut_leaves_a_vector_area_blind():
    model = tiny("cordsnet_pfc_small", noise=0.2)
    cut = lesion(model, "area2 -> pfc")
    whole, blind = (simulate(one, shown(one), record="all", seed=2, engine="time_major") for one in (model, cut))
    dark = simulate(cut, cordsnet.blank(STEPS * cut.dt_ms), record="all", seed=2, engine="time_major")
    assert torch.equal(blind.rates["area2"], whole.rates["area2"])
    assert torch.allclose(blind.rates["pfc"][:, :1], dark.rates["pfc"], rtol=1e-12)
    assert not torch.allclose(whole.rates["pfc"][:, :1], dark.rates["pfc"])


def test_a_trained_front_end_keeps_weights_lesions_and_preprocessing(tmp_path):
    front = lesion(create_model("cordsnet_r2_small", pretrained="digits", tau_ms=10.0), "area1", units=[3])
    model = MultiArea.from_front(front, areas=TWO, train_front="frozen", seed=4)
    assert (model.dt_ms, model.input_shape, model.lesions) == (2.0, front.input_shape, front.lesions)
    assert front.lesions
    assert (model.preprocessing.mean, model.preprocessing.size) == (front.preprocessing.mean, (16, 16))
    assert not hasattr(tiny("cordsnet_pfc_small"), "preprocessing")
    for name, value in front.state_dict().items():
        assert torch.equal(model.front.state_dict()[name], value)
        assert model.front.state_dict()[name].data_ptr() != value.data_ptr()
    assert not any(p.requires_grad for p in model.front.parameters())
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    assert isinstance(loaded, MultiArea)
    assert loaded.spec == model.spec
    assert all(torch.equal(value, loaded.state_dict()[name]) for name, value in model.state_dict().items())
    assert not any(p.requires_grad for p in loaded.front.parameters())
    images = torch.randn(2, *model.input_shape)
    assert torch.equal(loaded(images, 100.0)["choice"], model.eval()(images, 100.0)["choice"])


def test_pretrained_weights_are_named_in_the_spec(tmp_path):
    model = create_model("cordsnet_pfc_small", front_weights="digits", train_front="frozen")
    front = create_model("cordsnet_r2_small", pretrained="digits")
    assert all(torch.equal(value, model.front.state_dict()[name]) for name, value in front.state_dict().items())
    assert (model.front.dt_ms, model.dt_ms) == (5.0, 5.0)
    assert create_model("blt_pfc_small", front_weights="digits", image_size=16).front.num_classes == 10
    save_model(model, tmp_path)
    assert load_model(tmp_path).spec == model.spec
    with pytest.raises(ValueError, match=r"image_size = .* does not go with pretrained='digits'"):
        create_model("cordsnet_pfc_small", front_weights="digits", image_size=24)
    with pytest.raises(ValueError, match="no pretrained weights"):
        create_model("cordsnet_pfc_small", front="cordsnet_r8_small", image_size=32, front_weights="digits")


def test_a_frozen_front_end_has_no_graph_unless_one_is_needed():
    model = tiny("cordsnet_pfc_small", train_front="frozen", noise=0.0)
    images = torch.randn(2, *model.input_shape, dtype=torch.float64)
    found = simulate(model, cordsnet.show(images, 40), record="all", grad=True, engine="time_major")
    assert not found.rates["area2"].requires_grad
    assert found.rates["pfc"].requires_grad
    free = tiny("cordsnet_pfc_small", noise=0.0)
    gradients = []
    for one in (model, free):
        given = images.clone().requires_grad_()
        simulate(one, cordsnet.show(given, 40), grad=True).outputs["choice"][-1].square().sum().backward()
        gradients.append(given.grad)
    assert float(gradients[0].abs().max()) > 0
    assert torch.allclose(*gradients, rtol=1e-9)


@pytest.mark.parametrize("train_front", ["fine_tuned", "frozen"])
def test_a_front_end_that_is_run_ahead_gives_the_same_rates_and_gradients(train_front):
    model = tiny("cordsnet_pfc_small", areas=TWO, train_front=train_front, noise=0.1)
    found = {}
    for engine in ("time_major", "area_major"):
        model.zero_grad()
        seen = simulate(model, shown(model), record="all", engine=engine, grad=True, seed=4)
        values = {**seen.rates, **seen.outputs}
        sum((values[name] ** 2).mean() for name in ("pfc", "pm", "choice")).backward()
        found[engine] = values, {name: part.grad for name, part in model.named_parameters() if part.grad is not None}
    (rates, gradients), (ahead, others) = found.values()
    for name, value in rates.items():
        torch.testing.assert_close(ahead[name], value, rtol=1e-12, atol=1e-12)
    assert gradients.keys() == others.keys()
    assert any(name.startswith("front.") for name in gradients) == (train_front == "fine_tuned")
    for name, value in gradients.items():
        torch.testing.assert_close(others[name], value, rtol=1e-9, atol=1e-12)


def test_a_front_end_that_hears_of_the_rest_is_not_run_ahead():
    with pytest.raises(ValueError, match="needs a cascade"):
        simulate(tiny("cordsnet_pfc_small", feedback=True), shown(tiny("cordsnet_pfc_small")), engine="area_major")


def test_feedback_acts_on_the_front_end():
    model = tiny("cordsnet_pfc_small", feedback=True)
    assert model.system().pathways[-1] == "pfc -> area2"
    found = simulate(model, shown(model), record="all", seed=2)
    cut = simulate(lesion(model, "pfc -> area2"), shown(model), record="all", seed=2)
    alone = simulate(model.front, shown(model), record="all", dt=model.dt_ms, engine="time_major")
    assert not torch.equal(found.rates["area2"], alone.rates["area2"])
    assert torch.equal(cut.rates["area2"], alone.rates["area2"])
    assert torch.equal(found.rates["area1"], alone.rates["area1"])
    frozen = tiny("cordsnet_pfc_small", feedback=True, train_front="frozen")
    simulate(frozen, shown(frozen), grad=True, seed=2).outputs["choice"][-1].sum().backward()
    simulate(model, shown(model), grad=True, seed=2).outputs["choice"][-1].sum().backward()
    assert torch.allclose(frozen.back.grad, model.back.grad)
    assert float(frozen.back.grad.abs().max()) > 0


def test_a_network_with_feedback_passes_the_checks_of_interventions():
    model = tiny("cordsnet_pfc_small", feedback=True, areas=TWO, noise=0.0)
    only = {"steps_are_pure", "pathways_can_be_scaled", "silence_of_an_area_is_seen_by_others", "lesions_are_for_good"}
    check_model(model, skip=[name for name in CHECKS if name not in only | {"gradients_match_differences"}])


def test_the_step_is_that_of_the_front_end_too():
    model = tiny("convgru_pfc_small")
    assert (model.clock.kind, model.dt_ms, model.front.dt_ms) == ("steps", 10.0, 10.0)
    model.dt_ms = 20.0
    assert (model.dt_ms, model.front.dt_ms) == (20.0, 20.0)
    simulate(model, cordsnet.show(torch.zeros(1, *model.input_shape, dtype=torch.float64), 100.0))
    with pytest.raises(ValueError, match="dt = 5 needs a model in continuous time"):
        simulate(model, cordsnet.blank(100.0), dt=5)
    fine = tiny("cordsnet_pfc_small")
    assert len(simulate(fine, cordsnet.blank(100.0), dt=2).time_ms) == 50
    with pytest.raises(ValueError, match="unstable for 'area1'"):
        simulate(fine, cordsnet.blank(100.0), dt=25)
    with pytest.raises(ValueError, match="stepper must be 'euler' or 'exponential_euler'"):
        simulate(fine, cordsnet.blank(100.0), stepper="heun")


def test_class_scores_are_an_output_like_any_other():
    model = tiny("cordsnet_pfc_small", outputs=(("scores", "class", 4),))
    assert model.num_classes == 4
    assert "4 classes" in repr(model)
    assert model(torch.zeros(2, *model.input_shape, dtype=torch.float64)).shape == (2, 4)


def test_silence_of_a_vector_area_leaves_the_front_end_alone():
    model = tiny("blt_pfc_small")
    whole = simulate(model, shown(model), record="all", seed=2)
    found = simulate(model, shown(model), record="all", seed=2, interventions=silence("pfc", units=[1]))
    assert (found.rates["pfc"][:, :, 1] == 0).all()
    assert all(torch.equal(found.rates[area], whole.rates[area]) for area in model.front.areas)


def test_specs_survive_json_and_copies():
    spec = MODELS["blt_pfc_small"].spec.changed(front_options={"channels": [3, 4, 4, 5], "retina_channels": 2})
    assert spec.front_options == (("channels", (3, 4, 4, 5)), ("retina_channels", 2))
    assert MultiAreaSpec.from_dict(spec.to_dict()) == spec
    assert MultiAreaSpec(areas=[["pfc", 4, 100]]).areas == (("pfc", 4, 100),)
    assert dataclasses.replace(spec) == spec
    assert hash(spec) == hash(copy.deepcopy(spec))


WRONG = {
    "front": ({"front": "cordsnet_r3_small"}, "unknown model 'cordsnet_r3_small'; did you mean"),
    "options": ({"front_options": {"depth_of": 3}}, "front_options: .*no argument 'depth_of'"),
    "size": ({"front": "cornet_rt_small", "front_options": {"groups": 3}, "dt_ms": 20.0}, "cannot be made for images"),
    "own": ({"front_options": {"image_size": 8}}, "front_options holds 'image_size'"),
    "areas": ({"areas": (("pfc", 4, 100.0), ("pfc", 5, 50.0))}, "areas has 'pfc' twice"),
    "outputs": ({"outputs": (("choice", "option", 3), ("choice", "option", 2))}, "outputs has 'choice' twice"),
    "both": ({"outputs": (("pfc", "option", 3),)}, "'pfc' is the name of an area"),
    "name": ({"areas": (("keys", 4, 100.0),)}, "a name must be a word .* got 'keys'"),
    "taken": ({"areas": (("area1", 4, 100.0),)}, "'area1' is an area of front 'cordsnet_r2_small' already"),
    "units": ({"areas": (("pfc", 0, 100.0),)}, "units of 'pfc' must be a whole number"),
    "tau": ({"areas": (("pfc", 4, -1.0),)}, "tau_ms of 'pfc' must be a finite number above 0"),
    "clock": (
        {"front": "convgru_small", "front_options": {"ms_per_step": 20.0}, "dt_ms": 10.0},
        "dt_ms = 10.0 does not fit the clock of front 'convgru_small', whose ms_per_step is 20.0",
    ),
    "read": ({"read_area": "V4"}, "read_area must be one of area1, area2"),
    "reads": ({"reads": "max"}, "reads must be 'pool' or 'flatten'"),
    "train": ({"train_front": True}, "train_front must be 'frozen' or 'fine_tuned'"),
    "noise": ({"noise": -1.0}, "noise must be a finite number of at least 0"),
    "feedback": ({"front": "convgru_small", "feedback": True}, "feedback needs a front end that is a rate equation"),
    "scores": ({"outputs": (("scores", "option", 3),)}, "class scores are"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_refused_in_one_sentence(case):
    changes, said = WRONG[case]
    with pytest.raises(ValueError, match=said) as caught:
        create_model("cordsnet_pfc_small", **changes)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_front_ends_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ValueError, match="VectorRNN reads vector and no images"):
        MultiArea.from_front(create_model("vector_rnn_dense_small"))
    with pytest.raises(ValueError, match="vector_rnn_dense_small"):
        create_model("cordsnet_pfc_small", front="vector_rnn_dense_small")
    model = tiny("cordsnet_pfc_small")
    with pytest.raises(ValueError, match="front must be a 'cordsnet' with areas and images as this network's"):
        model.take(tiny("convgru_pfc_small").front)
    with pytest.raises(ValueError, match="from_front takes image_size from the front end"):
        MultiArea.from_front(model.front, image_size=8)
    strange = copy.deepcopy(model.front)
    strange.spec = dataclasses.replace(strange.spec, name="mine")
    with pytest.raises(ValueError, match="made from a row of the table of models, got one called 'mine'"):
        MultiArea.from_front(strange)
    save_model(model, tmp_path)
    text = (tmp_path / "model.json").read_text()
    (tmp_path / "model.json").write_text(text.replace('"front": {', '"frnt": {'))
    with pytest.raises(CheckpointError, match="does not describe a network"):
        load_model(tmp_path)
