"""The bar of a stage carries its name, and long stages are announced with an estimate."""

import pytest
from tiny import tiny_recipe

from cordsnet.training import fit
from cordsnet.training.progress import estimate, memory_gb


@pytest.mark.parametrize(
    ("updates", "seconds", "said"),
    [
        (10, 1.0, ""),
        (60, 1.0, ""),
        (600, 0.5, "about 5 minutes for 600 more updates"),
        (7200, 0.5, "about 60 minutes for 7,200 more updates"),
        (36_000, 1.0, "about 10.0 hours for 36,000 more updates"),
    ],
)
def test_a_long_stage_is_announced(updates, seconds, said):
    found = estimate("linear", updates, seconds)
    assert found.startswith(f"linear: {said}" if said else "")
    assert bool(found) == bool(said)


def test_memory_is_that_of_this_process():
    assert 0.05 < memory_gb() < 100


def test_the_bar_names_its_stage_and_no_epochs(tmp_path, capsys):
    fit(tiny_recipe(), tmp_path, only="cnn", progress=True)
    said = capsys.readouterr().err
    assert "cnn: " in said
    assert "Epoch" not in said
    assert "v_num" not in said
