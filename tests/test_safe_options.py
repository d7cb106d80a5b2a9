"""Options are values: whatever is written on the command line or in a file of settings imports and runs nothing."""

import json
import sys

import pytest

from cordsnet.cli import main

pytestmark = pytest.mark.usefixtures("as_users_run_it")

MODULE = (
    "from pathlib import Path\nPath('imported').touch()\nclass Evil:\n    def __init__(self, *a): Path('ran').touch()\n"
)
SPEC = '{"class_path": "evil_module.Evil"}'
BOMB = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [*{before}, *{before}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
DEEP = "[" * 5000 + "]" * 5000
# words of the command line -> what the sentence says
WORDS = {
    **{
        option: (["--" + option, SPEC], "names a class")
        for option in (
            "model",
            "model.options",
            "model.options.x",
            "finetune",
            "finetune.contraction",
            "finetune.objective",
            "finetune.optimisation",
            "finetune.memory",
            "gauss_newton.solver",
            "data",
            "output",
            "restart",
        )
    },
    "in a list": (["--model.options.x", f"[{SPEC}]"], "names a class"),
    "in a table": (["--model.options", f'{{"a": {SPEC}}}'], "names a class"),
    "as an option": (["--finetune.contraction.class_path", "evil_module.Evil"], "names a class"),
    "joined": ([f"--model.options={SPEC}"], "names a class"),
    "by its path": (["--finetune.contraction", "evil_module.Evil"], "evil_module"),
    "of Python": (["--finetune.contraction", "os.system"], "os.system"),
    "deep list": (["--finetune.slopes", DEEP], "nested 5,000 deep"),
    "unclosed list": (["--model.options", "[" * 100_000], "nested 100,000 deep"),
    "deep table": (["--model.options", '{"a":' * 900 + "1" + "}" * 900], "nested 900 deep"),
    "long": (["--data", "x" * 200_000], "200,000 characters"),
    "null": (["--finetune.augmentation", "a\x00b"], "null character"),
    "device": (["--finetune", "/dev/zero"], "device"),
}
# content of a file of settings -> what the sentence says
FILES = {
    "class": (json.dumps({"contraction": {"class_path": "evil_module.Evil"}}), "class"),
    "tag": ("augmentation: !!python/object/apply:pathlib.Path.touch [ran]", "tag"),
    "new": ("augmentation: !!python/object:evil_module.Evil {}", "tag"),
    "bomb": (BOMB, "aliases"),
    "deep": ("slopes: " + DEEP, "nested"),
    "large": ("augmentation: " + "x" * 2**21, "characters"),
}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    (tmp_path / "evil_module.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def refused(*words):
        sys.modules.pop("evil_module", None)
        status = main(["train", "digits", "--quiet", *words])
        assert status == 2
        assert not (tmp_path / "imported").exists()
        assert not (tmp_path / "ran").exists()
        said = capsys.readouterr().err
        assert "Traceback" not in said
        assert len(said) < 1500
        assert said.count("\n") == 1
        return said

    return refused


@pytest.mark.parametrize("case", WORDS)
def test_a_word_imports_nothing(case, run, tmp_path):
    words, said = WORDS[case]
    assert said in run(*words)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("case", FILES)
def test_a_file_of_settings_imports_nothing_and_stays_small(case, run, tmp_path):
    content, said = FILES[case]
    (tmp_path / "settings.yaml").write_text(content)
    assert said in run("--finetune", "settings.yaml")


@pytest.mark.parametrize(
    "name", ["evil_module", "a.b", "..:f", ":f", "x.py:", "absent.py:f", "evil_module.py:Absent", "/:f"]
)
def test_a_recipe_that_cannot_be_loaded_is_refused(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil_module.py").write_text("")
    assert main(["train", name]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "recipe" in said


def test_a_recipe_with_a_mistake_in_it_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.py").write_text("def f(:\n")
    assert main(["train", "own.py:f"]) == 2
    assert "own.py" in capsys.readouterr().err
