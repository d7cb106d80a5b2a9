"""What the README says can be pasted."""

import re
import shlex
from pathlib import Path

import pytest

from cordsnet.cli import COMMANDS, main
from cordsnet.training import RECIPES

README = (Path(__file__).parents[1] / "README.md").read_text()


def test_its_python_runs_as_pasted(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) == 5
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "area2" in printed
    assert "logits" in printed


def test_its_commands_exist():
    commands = re.findall(
        r"cordsnet (\w+) ?(\w+)?", "\n".join(re.findall(r"`cordsnet [^`]*`|^    cordsnet .*", README, re.M))
    )
    assert commands
    for command, recipe in commands:
        assert command in COMMANDS
        assert command != "train" or recipe in [*RECIPES, "RECIPE", ""]  # none before --help


@pytest.mark.parametrize(
    "command", re.findall(r"^    cordsnet ((?:models|recipes|train --help|--help).*?)(?: +#.*)?$", README, re.M)
)
def test_commands_that_only_read_run_as_pasted(command, capsys):
    try:
        code = main(shlex.split(command))
    except SystemExit as ended:
        code = ended.code
    assert code == 0
    assert capsys.readouterr().out


def test_targets_of_make_exist():
    rules = (Path(__file__).parents[1] / "Makefile").read_text()
    for target in re.findall(r"`make (\w+)`|^    make (\w+)", README, re.M):
        assert re.search(rf"^{''.join(target)}:", rules, re.M)


def test_its_files_exist():
    links = re.findall(r"\]\((?!http)([^)#]+)", README)
    assert links
    for link in links:
        assert (Path(__file__).parents[1] / link).exists(), link


def test_its_table_is_short():
    cells = [cell for row in re.findall(r"^\|.*\|$", README, re.M) for cell in row.split("|")]
    assert cells
    assert max(map(len, cells)) <= 200
    assert len(README.splitlines()) <= 160
