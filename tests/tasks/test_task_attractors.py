"""Attractors in a period of a task, in networks whose answer is known."""

import json

import pytest
import torch

from cordsnet.cli import main
from cordsnet.models import create_model
from cordsnet.tasks import create_task, task_attractor

TASK = create_task("match_to_sample", timing={"delay": 400})


def network(task=TASK, **changes):
    sizes = {"vector_size": len(task.vector_channels), "outputs": task.outputs, "noise": 0.0, "seed": 3}
    return create_model("vector_rnn_dense_small", **sizes, **changes).double()


def test_weak_recurrence_forgets_the_sample():
    report = task_attractor(network(gain=0.5, units=20), TASK, slow_ms=600.0)
    assert report.kind == "single point"
    assert report.slow_ms == 600.0
    assert [witness.kind for witness in report.witnesses.values()] == ["point", "point", "one place"]


def test_two_wells_hold_what_was_shown():
    """Two groups of tanh units with a gain of 3 each hold a sign; the channels of the sample push one of them."""
    model = network(gain=0.5, units=12, activation="tanh")
    groups = torch.zeros(12, 12, dtype=torch.float64)
    groups[:6, :6] = groups[6:, 6:] = 3.0 / 6
    weights = dict(model.named_parameters())
    square = next(name for name, value in weights.items() if value.shape == (12, 12))
    entry = next(name for name, value in weights.items() if value.shape == (12, len(TASK.vector_channels)))
    with torch.no_grad():
        weights[square].copy_(groups)
        weights[entry].zero_()
        weights[entry][:6, 1:17], weights[entry][:6, 17:] = 2.0, -2.0
        weights[entry][6:] = -weights[entry][:6]
    report = task_attractor(model, TASK, trials=24)
    assert report.kind == "points"
    assert report.slow_ms == 400.0
    assert len({tuple(state.sign().tolist()) for state in report.states}) == 2


def test_a_network_is_followed_in_steps_of_its_own_or_in_others():
    model = network(gain=0.5, units=12)
    own, same, short = (task_attractor(model, TASK, trials=12, slow_ms=600.0, dt_ms=dt) for dt in (None, 20.0, 10.0))
    assert torch.equal(own.states, same.states)
    assert not torch.equal(own.states, short.states)
    torch.testing.assert_close(own.states, short.states, atol=1e-5, rtol=0)


def test_what_cannot_be_looked_at_is_refused_in_a_sentence():
    with pytest.raises(ValueError, match="dt_ms must be a finite number above 0, got 0"):
        task_attractor(network(), TASK, dt_ms=0)
    with pytest.raises(ValueError, match="input 'vector' differs between trials in period 'sample'; choose one of"):
        task_attractor(network(), TASK, "sample")
    with pytest.raises(ValueError, match="has no period 'lunch'; it has fixation, sample, delay"):
        task_attractor(network(), TASK, "lunch")
    with pytest.raises(ValueError, match="period 'delay' has no frame in some trials"):
        task_attractor(network(), TASK.changed(timing={"delay": 0}), "delay")


def test_the_command_says_what_each_witness_saw(tmp_path, capsys):
    model = network(gain=0.5, units=20).float()
    model.metadata = {"data": {"name": "match_to_sample", "task": TASK.to_dict()}}
    model.save_pretrained(tmp_path / "net")
    words = ["tasks", "attractors", "match_to_sample", str(tmp_path / "net"), "--slow_ms", "600"]
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "single point"
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "single point, of directions slower than 600 ms" in out
    assert "topology" in out
