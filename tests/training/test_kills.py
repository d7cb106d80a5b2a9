"""A sample of `benchmarks/kills.py`: runs that are killed at random moments end as if nothing had happened."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "kills.py"


@pytest.mark.timeout(300)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="starts processes by fork")
def test_a_run_that_is_killed_at_random_moments_ends_with_the_same_bits(tmp_path):
    file = tmp_path / "kills.json"
    words = [
        "--seconds",
        "20",
        "--seed",
        "4",
        "--updates",
        "5",
        "--runs",
        "1",
        "--kills",
        "3",
        "--stages",
        "cnn",
        "fold",
        "gauss_newton",
    ]
    env = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, str(PROGRAM), *words, "--folder", str(tmp_path), "--json", str(file)]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(file.read_text())
    assert found["faults"] == []
    assert sum(row["kills"] for row in found["rows"]) >= 1
    for row in found["rows"]:
        assert row["runs with equal bits"] == "1 of 1"
        assert row["updates lost at most"] <= 2
