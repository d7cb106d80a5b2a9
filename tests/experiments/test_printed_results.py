"""The printed output of experiments: help, claims of several models, notes, and a line of counts."""

import contextlib

import pytest

from cordsnet.cli import main


@pytest.mark.parametrize("words", [[], ["--preset", "smoke"]])
def test_help_says_to_which_folder_each_preset_goes(words, capsys):
    with contextlib.suppress(SystemExit):
        main(["experiment", "noise", *words, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "without this option runs/noise for preset desk and runs/noise_PRESET for any other" in said
