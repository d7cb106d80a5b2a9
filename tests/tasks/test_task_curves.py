"""Curves of behaviour: when an answer is given, and what is fitted."""

import json
import math

import numpy as np
import pytest
import torch

from cordsnet.cli import main
from cordsnet.models import create_model
from cordsnet.tasks import behaviour_curves, create_task
from cordsnet.tasks.curves import Reactions, reactions

TASK = create_task("random_dots", timing={"fixation": 40, "stimulus": 400, "decision": 100}, reaction_time=True)


def ramp(trials, slopes, towards):
    """Scores in which the logit of an option grows linearly from the onset of motion; the others are 0."""
    scores = torch.zeros(trials.frames, len(trials), 3)
    start = trials.periods["decision"][:, 0]
    since = (torch.arange(trials.frames)[:, None] + 1 - start).clamp_min(0)
    for k, option in enumerate(towards):
        scores[:, k, 1 + option] = slopes[k] * since[:, k]
    return {"choice": scores}


def test_an_answer_is_given_when_its_probability_reaches_the_threshold():
    trials = TASK.sample(3, seed=1)
    slopes, answer = [1.0, 0.1, 0.001], trials.answer.tolist()
    towards = [answer[0], 1 - answer[1], answer[2]]
    right, ms = reactions(TASK, trials, ramp(trials, slopes, towards), threshold=0.8)
    needed = math.log(0.8 / 0.2 * 2)  # exp(x) / (exp(x) + 2) = 0.8
    assert ms[:2].tolist() == [math.ceil(needed / slope) * TASK.frame_ms for slope in slopes[:2]]
    assert math.isnan(ms[2])
    assert right.tolist() == [True, False, False]
    right, forced = reactions(TASK, trials, ramp(trials, slopes, towards), threshold=0.8, forced=True)
    assert forced.tolist() == [*ms[:2].tolist(), 500.0]  # motion and decision last 400 and 100 ms
    assert right.tolist() == [True, False, True]


def test_rows_count_what_was_answered():
    strength = torch.tensor([0.0, 0.0, 0.5, 0.5])
    found = Reactions(strength, torch.tensor([True, False, True, True]), torch.tensor([100.0, math.nan, 60.0, 80.0]))
    first, second = found.rows()
    assert (first["trials"], first["answered"], first["accuracy"]) == (2, 0.5, 1.0)
    assert (second["median_ms"], second["mean_ms"], second["low"] < 1.0) == (60.0, 70.0, True)


class Accumulator:
    """A subject that sums noisy evidence in proportion to coherence: its curves are known in closed form."""

    training, outputs, inputs = False, {"choice": ("option",)}, {"vector": (3,)}

    def eval(self):
        return self

    def train(self, mode):
        return self


def test_the_fits_are_those_of_the_trials(monkeypatch):
    from cordsnet.tasks import performance

    def outputs(model, trials, seed):
        """Answers at a time that falls with coherence, wrong as often as a Weibull curve says."""
        coherence = trials.conditions["coherence"]
        generator = torch.Generator().manual_seed(int(seed))
        share = 0.5 + 0.5 * (1 - torch.exp(-((coherence / 0.1) ** 1.5)))
        right = torch.rand(len(trials), generator=generator) < share
        frame = (2 + 12 / (1 + 10 * coherence) + 2 * torch.rand(len(trials), generator=generator)).long()
        index = torch.arange(trials.frames)[:, None] - trials.periods["decision"][:, 0]
        option = torch.where(right, trials.answer, 1 - trials.answer)
        scores = torch.zeros(trials.frames, len(trials), 3)
        for k in range(len(trials)):
            scores[index[:, k] >= frame[k], k, 1 + option[k]] = 9.0
        return {"choice": scores}

    monkeypatch.setattr(performance, "run_trials", outputs)
    found = behaviour_curves(Accumulator(), TASK, 1500, draws=40)
    assert found.psychometric.intervals["threshold"][0] < 0.1 < found.psychometric.intervals["threshold"][1]
    rows = found.reactions.rows()
    assert [row["strength"] for row in rows] == list(TASK.coherences)
    assert rows[0]["median_ms"] - rows[-1]["median_ms"] > 100
    levels = np.array(TASK.coherences)
    means = [row["mean_ms"] for row in rows]
    assert found.chronometric.mean_ms(levels) == pytest.approx(means, rel=0.15)
    (note,) = found.notes  # frames make times that differ less than those of summed evidence, by far
    assert "the answers do not follow the chronometric curve (deviance " in note
    assert found.chronometric.p_value < 1e-6


def test_what_has_no_curves_says_so(as_users_run_it):
    model = create_model("vector_rnn_dense_small", vector_size=3, outputs=TASK.outputs, seed=1)
    waiting = TASK.changed(reaction_time=False)
    found = behaviour_curves(model, waiting, 20, draws=0)
    assert found.chronometric is None
    assert any("wait for a go cue" in note for note in found.notes)
    with pytest.raises(ValueError, match="has no condition 'contrast'; it has coherence"):
        behaviour_curves(model, TASK, 4, strength="contrast")
    with pytest.raises(ValueError, match="threshold must be above 0 and below 1, got 1"):
        behaviour_curves(model, TASK, 4, threshold=1.0)
    with pytest.raises(ValueError, match="task 'delayed_saccade' has no choice"):
        behaviour_curves(model, create_task("delayed_saccade"), 4)


def test_the_command_draws_curves_beside_those_of_monkeys(tmp_path, capsys):
    model = create_model("vector_rnn_dense_small", vector_size=3, outputs=TASK.outputs, seed=1)
    model.metadata = {"data": {"name": "random_dots", "task": TASK.to_dict()}}
    model.save_pretrained(tmp_path / "net")
    rows = ["monkey,rt,coh,correct,trgchoice", *(f"1,0.{5 + k % 3},{0.1 * (k % 3)},1,1" for k in range(12))]
    (tmp_path / "dots.csv").write_text("\n".join(rows))
    words = ["tasks", "curves", "random_dots", str(tmp_path / "net"), "--trials", "30", "--threshold", "0.34", "--json"]
    words += ["--monkeys", str(tmp_path / "dots.csv"), "--output", str(tmp_path / "out")]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["trials"] for row in found["monkeys"]["monkey 1"]] == [4, 4, 4]
    assert sum(row["trials"] for row in found["rows"]) == 30
    assert {"curves.png", "curves.svg", "curves.json"} <= {path.name for path in (tmp_path / "out").iterdir()}
