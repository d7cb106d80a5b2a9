"""One recipe for every model: what it answers in its own time, at the size that it can read."""

import dataclasses
import json
import warnings

import pytest
import torch

from cordsnet import CNN, create_model, show, simulate
from cordsnet.cli import main
from cordsnet.cli.early import with_model_name
from cordsnet.data.table import SHAPES
from cordsnet.errors import DataWarning
from cordsnet.models import MODELS, ModelSpec, build
from cordsnet.training import RECIPES, Answer, Batch, Bound, EveryStep, LastStep, ModelChoice, Objective, Recipe, Trial
from cordsnet.training.dry_run import dry_run, sentences
from oracles import CASCADE, random_images, randomised

LABELS = torch.tensor([1, 2])
DIRECT = ("digits_direct", "mnist", "cifar10_compare", "cifar100", "imagenet", "ecoset")


def batch():
    return Batch({"image": random_images(CASCADE)}, {"scores": LABELS})


def test_durations_that_are_left_out_are_the_model_s_own():
    model = randomised(CASCADE)
    ms = model.response_ms
    for own, given in ((LastStep(), LastStep(ms=ms)), (EveryStep(from_ms=20.0), EveryStep(ms=ms, from_ms=20.0))):
        assert torch.equal(own(Bound.of(model), batch()).total, given(Bound.of(model), batch()).total)
    with pytest.raises(ValueError, match=f"below ms = {ms:g}, got 1e"):
        EveryStep(from_ms=1e6).check(model)


@pytest.mark.parametrize(
    ("counted", "wanted"),
    [
        ("last_step", LastStep()),
        ("every_step", EveryStep()),
        ("window", Objective(0.0, trial=Trial(200.0, 200.0, 60.0, 200.0, 20.0))),
    ],
)
def test_an_answer_counts_what_it_says(counted, wanted):
    model = randomised(CASCADE)
    assert model.response_ms == 200.0
    found, other = (loss(Bound.of(model), batch()) for loss in (Answer(counted=counted), wanted))
    assert float(found.total) == pytest.approx(float(other.total), rel=1e-12)
    cnn = build(CASCADE, 0, CNN).double().eval()
    once = Answer(counted=counted)(Bound.of(cnn), batch())
    assert float(once.total) == float(LastStep()(Bound.of(cnn), batch()).total)


def test_a_network_of_steps_answers_after_its_own_steps():
    model = create_model("convlstm_small", in_channels=1, num_classes=3).eval()
    images = torch.randn(2, *model.input_shape)
    found = Answer()(Bound.of(model), Batch({"image": images}, {"scores": LABELS}))
    scores = simulate(model, show(images, model.response_ms)).logits[-1]
    torch.testing.assert_close(found.total, torch.nn.functional.cross_entropy(scores, LABELS))
    assert float(Answer(counted="window")(Bound.of(model), Batch({"image": images}, {"scores": LABELS})).total) > 0


@dataclasses.dataclass(frozen=True)
class Fixed(ModelSpec):
    """A network that reads images of 24 px alone."""

    kind = "fixed"
    image_size: tuple[int, int] = (24, 24)

    def __post_init__(self):
        super().__post_init__()
        if self.image_size != (24, 24):
            raise ValueError("image_size must be 24")


def test_a_preferred_size_that_a_network_cannot_read_is_said():
    recipe = Recipe("small", (), ModelChoice("blt_sync_blt_small", preferred_size=8))
    with pytest.warns(DataWarning, match="blt_sync_blt_small cannot be made for images of 8 px.* and reads 32 px"):
        assert recipe.load_data().train.shape[-1] == 32
    for model in (ModelChoice("cnn_r2_small", preferred_size=8), ModelChoice("blt_sync_blt_small", 32, None, 10)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Recipe("small", (), model).load_data()


def test_a_preferred_size_is_taken_where_it_fits(monkeypatch):
    row = dataclasses.replace(MODELS["convlstm_small"], name="fixed", spec=Fixed())
    monkeypatch.setitem(MODELS._entries, "fixed", row)
    assert ModelChoice("fixed", preferred_size=32).shown_size == 24
    assert ModelChoice("cordsnet_r2_small", preferred_size=32).shown_size == 32
    assert ModelChoice("cordsnet_r2_small", preferred_size=32, image_size=12).shown_size == 12
    assert ModelChoice("cordsnet_r2_small", preferred_size=32).spec().image_size == (32, 32)
    assert ModelChoice("cordsnet_r2_small").shown_size == 16
    assert "preferred_size" not in ModelChoice().to_dict()


@pytest.mark.parametrize("name", DIRECT)
def test_direct_recipes_train_one_stage_from_random_weights(name):
    recipe = RECIPES[name]()
    assert recipe.name == name
    assert [(stage.name, stage.start, stage.kind) for stage in recipe.stages] == [("train", "", "train")]
    recipe.check()


def test_a_model_is_named_in_short():
    assert with_model_name(["digits", "--model", "x", "--seed", "1"]) == ["digits", "--model.name", "x", "--seed", "1"]
    assert with_model_name(["--model=x", "--model.width", "4"]) == ["--model.name=x", "--model.width", "4"]


@pytest.mark.parametrize("name", ["cnn_r2_small", "convlstm_small", "cornet_s_small", "cordsnet_r2_small"])
def test_any_model_is_trained_from_the_command_line(name, tmp_path, capsys):
    words = ["train", "digits_direct", "--model", name, "--quiet", "--json", "--output", str(tmp_path)]
    size = "12" if name != "cornet_s_small" else "32"
    small = ["--model.image_size", size, "--train.optimisation.updates", "2", "--train.optimisation.batch", "8"]
    assert main([*words, *small]) == 0
    assert "test_accuracy" in json.loads(capsys.readouterr().out)["stages"]["train"]["metrics"]
    assert json.loads((tmp_path / "recipe.json").read_text())["model"]["name"] == name


def test_an_unknown_model_is_refused_with_the_nearest(capsys):
    assert main(["train", "digits_direct", "--model", "convlstm_smal"]) == 2
    assert "convlstm_small" in capsys.readouterr().err


@pytest.mark.parametrize("recipe", ["mnist", "cifar100", "imagenet", "ecoset"])
@pytest.mark.parametrize("model", ["cnn_r2_small", "convlstm_small"])
def test_a_dry_run_needs_no_data_and_writes_nothing(recipe, model, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CORDSNET_DATA", str(tmp_path / "none"))
    assert main(["train", recipe, "--model", model, "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    channels, classes, count = SHAPES[recipe]
    assert plan["data"]["training_images"] == count
    assert plan["model"]["outputs"] == {"scores": [classes]}
    assert plan["model"]["input"]["image"][0] == channels
    stage = plan["stages"]["train"]
    assert stage["images"] == stage["updates"] * stage["batch"]
    assert stage["flops"] == pytest.approx(stage["flops_per_image"] * stage["images"])
    assert stage["memory_gb"] > 0
    assert stage["hours_here"] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_says_what_a_budget_comes_to(capsys):
    words = ["train", "imagenet", "--model", "cnn_r2_small", "--dry-run"]
    assert main([*words, "--train.budget.images", "2560"]) == 0
    assert "train: 10 updates of 256 images" in capsys.readouterr().out
    assert main([*words, "--train.budget.seconds", "60"]) == 0
    assert "as long as its budget of seconds lasts" in capsys.readouterr().out


def test_a_dry_run_of_staged_training_says_which_stages_it_leaves_out():
    plan = dry_run(RECIPES["digits"]())
    assert [name for name, row in plan["stages"].items() if "flops" in row] == ["cnn", "finetune"]
    said = sentences(plan)
    assert "fold: fold, not estimated" in said
    with pytest.raises(ValueError, match="sizes of 'images' are not known; give the data"):
        dry_run(RECIPES["images"]())
