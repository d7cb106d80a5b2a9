"""A sample of the sweep of bad arguments: no call hangs, kills the process or shows an error of a library."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[1] / "benchmarks" / "bad_input.py"
SAMPLE = 200


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """Outcomes of the sample, from a process without shape annotations, as users run it."""
    file = tmp_path_factory.mktemp("sweep") / "calls.json"
    given = [sys.executable, str(PROGRAM), "--sample", str(SAMPLE), "--json", str(file)]
    subprocess.run(given, check=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"}, stdout=subprocess.DEVNULL)
    return json.loads(file.read_text())


def test_the_sample_was_called(calls):
    assert len(calls) == SAMPLE
    assert {call["class"] for call in calls} >= {"refused", "accepted"}


@pytest.mark.parametrize("kind", ["hang", "crash", "raw", "nan"])
def test_no_bad_argument_ends_badly(calls, kind):
    assert [call for call in calls if call["class"] == kind] == []
