"""Numbers about episodes: shares add up, intervals are those of the textbooks, and the command prints them."""

import json

import numpy as np
import pytest
from scipy import stats

from cordsnet.cli import main
from cordsnet.models import create_model
from cordsnet.tasks import create_task, play_rows


def episode(reward, frames=10, **more):
    return {"episode": 0, "reward": reward, "frames": frames, **more}


def by_name(rows):
    return {row["measure"]: row for row in rows}


def test_choices_end_in_four_ways():
    played = [episode(1.0, 8, option=1)] * 6 + [episode(-0.1, 2, option=2)] * 2
    played += [episode(0.0, 6, option=2), episode(0.0, 10, option=0)]
    rows = by_name(play_rows(played, 20.0))
    shares = {name: row["value"] for name, row in rows.items() if name.startswith("share")}
    assert shares == {"share right": 0.6, "share aborted": 0.2, "share wrong": 0.1, "share unanswered": 0.1}
    assert rows["share right"]["low"] == pytest.approx(0.3127, abs=1e-4)  # Wilson's interval of 6 of 10
    assert rows["share right"]["high"] == pytest.approx(0.8318, abs=1e-4)
    rewards = np.array([one["reward"] for one in played])
    assert rows["reward"]["value"] == pytest.approx(0.58)
    half = stats.t.ppf(0.975, 9) * rewards.std(ddof=1) / np.sqrt(10)
    assert rows["reward"]["high"] - rows["reward"]["value"] == pytest.approx(half)
    assert rows["time to the answer, ms"]["value"] == pytest.approx((6 * 8 + 6) / 7 * 20)
    assert rows["time to the answer, ms"]["episodes"] == 7


def test_values_are_right_or_wrong_and_one_reward_has_no_interval():
    rows = by_name(play_rows([episode(1.0)] * 4, 20.0))
    assert list(rows) == ["reward", "share right", "share aborted", "share wrong"]
    assert (rows["reward"]["low"], rows["reward"]["high"]) == (None, None)
    assert rows["share right"]["high"] == 1
    assert 0.5 < rows["share right"]["low"] < 0.52


@pytest.mark.parametrize("played", [[], [{}], [episode(float("nan"))], [{"episode": 0, "reward": 1.0}]])
def test_what_is_no_episode_is_refused(played):
    with pytest.raises(ValueError, match="played must hold an episode or more, as play returns them"):
        play_rows(played, 20.0)


@pytest.mark.parametrize("name", ["random_dots", "flip_flop"])
def test_the_command_plays(name, tmp_path, capsys):
    task = create_task(name)
    size = {"vector_size": len(task.vector_channels), "outputs": task.outputs, "dt_ms": 20.0}
    create_model("vector_rnn_dense_small", **size).save_pretrained(tmp_path / "net")
    words = ["tasks", "play", name, str(tmp_path / "net"), "--episodes", "5", "--seed", "3"]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["episode"] for one in found["episodes"]] == list(range(5))
    assert found["rows"] == play_rows(found["episodes"], task.frame_ms)
    assert found["notes"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "share aborted" in out
    assert "5 episodes" in out
    assert main([*words[:4], "--episodes", "0"]) == 2
    assert "episodes must be" in capsys.readouterr().err
