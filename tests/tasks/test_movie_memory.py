"""Memory of movies: used again once nobody holds it, and never before; numbers by column are those of all columns."""

import gc
from collections import deque

import pytest
import torch

from cordsnet.tasks import create_task, memory
from cordsnet.tasks.draws import Draws

COUNT = 2 * memory.LEAST


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(memory, "_kept", deque())


def test_memory_is_used_again_once_all_who_share_it_are_gone():
    first = memory.movie_memory(COUNT).view(2, -1).fill_(1.0)
    place, part, seen = first.data_ptr(), first[1:, :5], first.numpy()
    del first
    gc.collect()
    assert memory.movie_memory(COUNT).data_ptr() != place  # a part of it is still in use
    del part
    gc.collect()
    assert memory.movie_memory(COUNT).data_ptr() != place  # and so is an array of it
    assert (seen == 1).all()
    del seen
    gc.collect()
    assert place in {one.ctypes.data for one in memory._kept}
    assert memory.movie_memory(COUNT - 3).shape == (COUNT - 3,)


def test_little_is_not_kept_and_much_is_let_go(monkeypatch):
    memory.movie_memory(memory.LEAST - 1)
    assert not memory._kept
    monkeypatch.setattr(memory, "MOST", 3 * COUNT)
    held = [memory.movie_memory(COUNT) for _ in range(5)]
    del held
    gc.collect()
    assert sum(map(len, memory._kept)) == 3 * COUNT
    memory.movie_memory(3 * COUNT + 1)
    assert sum(map(len, memory._kept)) == 3 * COUNT  # what is too much by itself drives nothing out
    assert len(memory.movie_memory(4 * COUNT)) == 4 * COUNT  # what is kept is too small for it


@pytest.mark.parametrize("name", ["random_dots", "flip_flop", "match_to_sample"])
def test_trials_in_used_memory_are_those_in_new_memory(name):
    task = create_task(name, rendering="image")
    fresh = task.sample(8, seed=1).inputs["image"].clone()
    for seed in range(3):
        task.sample(8, seed=seed).inputs["image"].fill_(7.0)
    again = task.sample(8, seed=1).inputs["image"]
    assert fresh.numel() > memory.LEAST
    assert torch.equal(again, fresh)
    assert len({task.sample(8, seed=s).inputs["image"].data_ptr() for s in range(3)}) == 1
    held = [task.sample(8, seed=s).inputs["image"] for s in range(3)]
    assert len({one.data_ptr() for one in held}) == 3
    assert torch.equal(held[1], fresh)


def test_columns_are_those_of_all_numbers():
    draws = Draws.of(3, 5)
    whole = draws.uniform("dots", 700, 4)
    assert torch.equal(draws.columns("dots", 700, 4, 3), whole.movedim(-1, 0)[:3])
    many = Draws.of(3, 60)  # more than are drawn at once
    assert torch.equal(many.columns("dots", 900, 4, 4), many.uniform("dots", 900, 4).movedim(-1, 0))
