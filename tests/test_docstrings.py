"""Docstrings of the package begin with a verb or a noun."""

import ast
from pathlib import Path

import pytest

import cordsnet

ROOT = Path(cordsnet.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
QUESTIONS = {"what", "how", "which", "when", "where", "whether", "why", "that"}
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def texts(tree):
    """Line and text of every docstring, and of every text below a name that it describes."""
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED):
            for statement in node.body:
                value = statement.value if isinstance(statement, ast.Expr) else None
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield statement.lineno, value.value


def questions(source):
    """Places of texts that begin with a word of a question."""
    return [line for line, text in texts(ast.parse(source)) if text.split()[:1] and first(text) in QUESTIONS]


def first(text):
    return text.split()[0].strip(".,:;").lower()


@pytest.mark.parametrize(
    "source",
    [
        '"""How time is counted."""',
        'class Clock:\n    """What counts time."""',
        'class Clock:\n    def dt(self):\n        """That of the spec."""',
        'async def read():\n    """\n    Whether it is read."""',
        'DT = 2.0\n"""Where: which steps."""',
    ],
)
def test_words_of_questions_are_found(source):
    assert len(questions(source)) == 1


@pytest.mark.parametrize(
    "source", ['"""Count how time goes."""', 'DT = 2.0\n"""Step, ms."""', 'def f():\n    """"""', 'NAME = "What"']
)
def test_other_texts_are_let_be(source):
    assert not questions(source)


@pytest.mark.parametrize("path", FILES, ids=lambda path: ".".join(path.relative_to(ROOT).with_suffix("").parts))
def test_docstrings_begin_with_a_verb_or_a_noun(path):
    found = questions(path.read_text(encoding="utf-8"))
    assert not found, f"{path.name}, lines {found}: begin with a verb (functions) or a noun, not with a question"
