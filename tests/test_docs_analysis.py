"""The reference page of the analyses lists every public name once."""

import re
from pathlib import Path

from cordsnet import analysis

PAGE = (Path(__file__).parents[1] / "docs" / "analysis.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")]


def test_the_page_and_the_package_have_the_same_names():
    names = [row[0].strip("`") for row in ROWS]
    assert len(names) == len(set(names))
    assert set(names) == set(analysis.__all__)


def test_every_row_says_what_the_name_answers_and_returns():
    for row in ROWS:
        assert len(row) == 4, row
        assert row[1], row
        assert row[2], row


def test_rows_refer_to_public_names_only():
    public = {*analysis.__all__, *(name for row in ROWS for name in re.findall(r"`(\w+)`", row[0]))}
    for row in ROWS:
        for name in re.findall(r"`([A-Z]\w+)`", f"{row[1]} {row[2]}"):
            assert name in public or name == "T", row


def test_its_python_runs_as_pasted(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    exec(compile(code, "docs/analysis.md", "exec"), {})
    assert "tensor" in capsys.readouterr().out
