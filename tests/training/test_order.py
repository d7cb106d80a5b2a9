"""The images of an update depend on the seed and the update alone."""

import itertools

import pytest

from cordsnet.data import BatchShare
from cordsnet.training.order import UpdateOrder, mix_seed


def batches(**options):
    count, batch, updates = options.pop("images", 23), options.pop("batch", 6), options.pop("updates", 9)
    return list(UpdateOrder(count, batch, updates, 5, BatchShare(**options)))


def test_every_epoch_has_each_image_at_most_once_in_another_order():
    found = batches(updates=12)
    epochs = [list(itertools.chain(*found[k : k + 3])) for k in range(0, 12, 3)]
    for epoch in epochs:
        assert len(set(epoch)) == 18
        assert set(epoch) <= set(range(23))
    assert len({tuple(epoch) for epoch in epochs}) == 4


@pytest.mark.parametrize("first", [1, 3, 4, 8, 9])
def test_it_resumes_at_any_update(first):
    assert batches(first=first) == batches()[first:]
    assert len(UpdateOrder(23, 6, 9, 5, BatchShare(first))) == 9


@pytest.mark.parametrize(("parts", "processes"), [(1, 2), (2, 1), (3, 2), (1, 6)])
def test_parts_and_processes_divide_the_same_images(parts, processes):
    whole = batches()
    shares = [batches(parts=parts, process=k, processes=processes) for k in range(processes)]
    for update, batch in enumerate(whole):
        rows = range(update * parts, (update + 1) * parts)
        assert list(itertools.chain(*(share[row] for row in rows for share in shares))) == batch


def test_other_seeds_give_other_orders():
    assert batches() == batches()
    assert list(UpdateOrder(23, 6, 9, 6)) != batches()


def test_mixed_seeds_are_far_apart():
    seeds = {mix_seed(a, b) for a in range(40) for b in range(40)}
    assert len(seeds) == 1600
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert mix_seed(1, 2) != mix_seed(2, 1)


def test_batches_that_cannot_be_divided_are_refused():
    with pytest.raises(ValueError, match="batch = 24 is more than the 23 training images"):
        batches(batch=24)
    with pytest.raises(
        ValueError,
        match="batch = 6 cannot be divided evenly among 2 processes x 2 parts; use a multiple of 4",
    ):
        batches(parts=2, processes=2)
