"""What the README says can be pasted."""

import re
from pathlib import Path

from cordsnet.cli import COMMANDS
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
        assert command != "train" or recipe in [*RECIPES, "RECIPE"]


def test_its_files_exist():
    links = re.findall(r"\]\((?!http)([^)]+)\)", README)
    assert links
    for link in links:
        assert (Path(__file__).parents[1] / link).exists(), link
