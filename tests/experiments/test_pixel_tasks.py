"""Pixel tasks: curves by hand, networks that differ in their front end alone, and the experiment on tiny networks."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from cordsnet.data.people.roitman2002 import DotTrials
from cordsnet.experiments import EXPERIMENTS, Setting
from cordsnet.experiments.cognition import pixel_tasks as module
from cordsnet.experiments.cognition.dot_curves import chance, fall_of_times, falling, of_monkeys, rmse, unseen
from cordsnet.experiments.cognition.movies import (
    COHERENCES,
    FRAME_MS,
    MOVIES,
    SIZE,
    movie_of,
    movie_runs,
    network_fields,
)
from cordsnet.experiments.cognition.pixel_options import FRONTS, PixelOptions
from cordsnet.experiments.cognition.pixel_tasks import is_static
from cordsnet.models import MODELS
from cordsnet.tasks.curves import Reactions
from cordsnet.tasks.performance import Performance
from cordsnet.tasks.recipe import EFFORTS
from cordsnet.tasks.task import Answers

SHARES = {0.0: 0.5, 0.128: 0.8, 0.512: 1.0}
TIMES = {0.0: 800.0, 0.3: 500.0, 0.128: 600.0, 0.512: 400.0}


def answered(shares, each=200):
    """Trials of which a share is right at every coherence, with one reaction time for each."""
    strength, right, ms = [], [], []
    for level, share in shares.items():
        strength += [level] * each
        right += [k < round(share * each) for k in range(each)]
        ms += [TIMES[level]] * each
    return Reactions(torch.tensor(strength), torch.tensor(right), torch.tensor(ms, dtype=torch.float64))


def monkeys_of(*each):
    parts = [answered(shares) for shares in each]
    number = np.concatenate([np.full(len(part.strength), k + 1) for k, part in enumerate(parts)])
    joined = (np.concatenate([getattr(part, name).numpy() for part in parts]) for name in ("strength", "correct"))
    strength, correct = joined
    return DotTrials(number, strength.astype(float), correct, np.full(len(number), 500.0), np.ones(len(number), int))


def test_curves_are_measured_as_by_hand():
    shown = answered(SHARES)
    assert chance(shown).value == 0.5
    assert falling(shown).value == pytest.approx(-0.2)
    assert falling(answered({**SHARES, 0.512: 0.7})).value == pytest.approx(0.1)
    assert fall_of_times(shown, 0).value == 400.0
    assert fall_of_times(shown, 0).interval == (400.0, 400.0)


def test_the_distance_from_monkeys_is_from_their_mean():
    shown = answered(SHARES)
    assert rmse(shown, monkeys_of(SHARES, SHARES), 0).value == pytest.approx(0)
    apart = monkeys_of({**SHARES, 0.128: 0.9}, {**SHARES, 0.128: 1.0})
    found = rmse(shown, apart, 0)
    assert found.value == pytest.approx(math.sqrt(0.15**2 / 3))
    assert found.interval[0] < found.value < found.interval[1]
    assert math.isnan(rmse(answered({0.0: 0.5, 0.512: 1.0}), apart, 0).value)
    rows = of_monkeys(apart)
    assert [row["accuracy"] for row in rows if row["who"] == "monkey 1"] == [0.5, 0.9, 1.0]
    assert of_monkeys(None) == []


def test_nothing_is_measured_where_nothing_was_answered():
    silent = Reactions(torch.tensor([0.1, 0.5]), torch.zeros(2, dtype=torch.bool), torch.full((2,), math.nan))
    assert math.isnan(chance(silent).value)
    assert math.isnan(fall_of_times(silent, 0).value)


@pytest.mark.parametrize("name", FRONTS)
@pytest.mark.parametrize("task", list(MOVIES))
def test_networks_of_a_task_differ_in_their_front_end_alone(task, name):
    (run,) = movie_runs(movie_of(task), name, [3], 50, None)
    (ours,) = movie_runs(movie_of(task), FRONTS[0], [3], 50, None)
    spec, other = run.recipe.spec(), ours.recipe.spec()
    run.recipe.check()
    assert (spec.areas, spec.outputs, spec.noise, spec.reads) == (other.areas, other.outputs, other.noise, other.reads)
    assert spec.image_size == (SIZE, SIZE)
    assert FRAME_MS % spec.dt_ms == 0
    assert (run.recipe.stages, run.recipe.data_options) == (ours.recipe.stages, ours.recipe.data_options)
    assert run.recipe.seed == 3


def test_a_time_constant_is_set_where_the_front_end_has_one():
    fields = network_fields("cordsnet_pfc_small", MOVIES["random_dots"])
    assert dict(fields["front_options"])["tau_ms"] == 30.0
    assert "front_options" not in network_fields("cornet_rt_pfc_small", MOVIES["random_dots"])
    assert "front_options" not in network_fields("cordsnet_pfc_small", MOVIES["go_nogo"])
    lessons = [stage.name for stage in movie_runs(movie_of("random_dots"), FRONTS[0], [0], 50, 7)[0].recipe.stages]
    assert lessons == [one.name for one in EFFORTS["random_dots", "image"].lessons] + ["train"]
    assert [name for name in FRONTS if is_static(name)] == ["cnn_pfc_small"]


def test_trials_that_do_not_say_what_was_learnt_are_too_few():
    correct = torch.tensor([True, False])
    answers = Answers(correct, torch.zeros(2), ~correct)
    few = Performance(movie_of("random_dots"), answers, torch.zeros(2), {"coherence": torch.tensor([0.0, 0.256])})
    with pytest.raises(ValueError, match=r"none of 2 has coherence 0\.512"):
        module._counted(few)
    known = dataclasses.replace(few, conditions={"coherence": torch.tensor([0.0, 0.512], dtype=torch.float64)})
    assert module._counted(known).tolist() == [False, True]
    assert module._counted(dataclasses.replace(few, task=movie_of("go_nogo"))).all()


def run(output, **changes):
    base = PixelOptions(("random_dots", "go_nogo"), FRONTS[::4], updates=1, trials=20, curve_trials=40)
    return EXPERIMENTS["pixel_tasks"](Setting(output=output), dataclasses.replace(base, **changes))


def test_every_network_has_a_row_and_every_front_end_its_claims(tmp_path):
    path = tmp_path / "dots.csv"
    lines = [f"{monkey},0.5,{level},{k % 2},1" for monkey in (1, 2) for level in (0, 0.512) for k in range(4)]
    path.write_text("\n".join(["monkey,rt,coh,correct,trgchoice", *lines]))
    found = run(tmp_path / "runs", monkeys=str(path))
    networks = found.rows("networks")
    assert [(row["task"], row["model"]) for row in networks] == [
        (task, name) for task in ("random_dots", "go_nogo") for name in FRONTS[::4]
    ]
    assert {row["task"]: row["updates"] for row in networks} == {"random_dots": 3, "go_nogo": 1}
    assert all(row["parameters"] > 1000 and row["asked"] <= row["trials"] == 20 for row in networks)
    dots = networks[0]
    hardest = found.rows("levels", task="random_dots", model=FRONTS[0], condition="coherence 0.512")[0]
    assert (dots["asked"], dots["hits"]) == (hardest["trials"], round(hardest["accuracy"] * hardest["trials"]))
    claims = {(claim.subject, claim.name): claim for claim in found.claims}
    assert claims[FRONTS[0], "motion"].value is not None
    assert claims[FRONTS[-1], "motion"].value is None
    assert claims[FRONTS[0], "accuracy_of_monkeys"].value is not None
    assert {row["who"] for row in found.rows("curves")} == {*FRONTS[::4], "monkey 1", "monkey 2"}
    assert "flatter" in found.rows("notes")[0]["note"]


def test_coherences_that_networks_were_not_shown_are_named():
    assert unseen(monkeys_of(SHARES), COHERENCES) == []
    assert unseen(monkeys_of({0.0: 0.5, 0.512: 1.0} | {0.3: 0.9}), COHERENCES) == [pytest.approx(0.3)]


def test_options_that_make_no_sense_are_refused(tmp_path):
    for changes in ({"tasks": ("flip_flop",)}, {"models": ()}, {"seeds": 0}, {"updates": 0}, {"threshold": 1.0}):
        with pytest.raises(ValueError, match=next(iter(changes))):
            PixelOptions(**changes)
    assert "vector_rnn_dense_small" in MODELS
    with pytest.raises(ValueError, match="networks of several areas"):
        run(tmp_path, models=("vector_rnn_dense_small",))
