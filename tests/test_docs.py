"""Every Python block of the how-to pages runs, page by page, in a folder of its own."""

import importlib
import re
import sys
import types
from pathlib import Path

import pytest

import cordsnet
from cordsnet import data, experiments, training

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted((DOCS / "how_to").glob("*.md"))
LISTS = [DOCS / "README.md", DOCS / "overview.md"]
WRITTEN = [*PAGES, *LISTS, DOCS / "design.md", DOCS / "glossary.md", ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
FENCE = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+)\.py\n")
LONGEST_MODEL = 80

pytestmark = pytest.mark.usefixtures("as_users_run_it")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to run a page in; entries that it adds to tables are taken out again."""
    tables = [
        cordsnet.KINDS,
        cordsnet.MODELS,
        training.LOSSES,
        training.RECIPES,
        data.DATASETS,
        experiments.EXPERIMENTS,
    ]
    for table in tables:
        monkeypatch.setattr(table, "_entries", dict(table._entries))
        monkeypatch.setattr(table, "_targets", dict(table._targets))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and Path(sys.modules[name].__file__).parent == tmp_path:
            del sys.modules[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs(page, folder, monkeypatch):
    blocks = FENCE.findall(page.read_text())
    assert blocks
    module = types.ModuleType(f"page_{page.stem}")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # so that what the page defines can be pickled
    for block in blocks:
        if named := FILE.match(block):  # a block that begins with the name of a file is that file
            (folder / f"{named[1]}.py").write_text(block)
        else:
            exec(compile(block, page.name, "exec"), module.__dict__)


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_links_lead_somewhere(page):
    for link, heading in re.findall(r"(?<!\w)\[[^]]+\]\((?!http)([^)#]*)#?([^)]*)\)", page.read_text()):
        target = page.parent / link if link else page
        assert target.exists(), link
        assert not heading or heading in anchors(target), f"{link}#{heading}"


def anchors(page):
    """Anchors of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_lists_every_page():
    links = re.findall(r"\]\(([^)#]+)", (DOCS / "README.md").read_text())
    named = {(DOCS / link).resolve() for link in links}
    assert [page for page in DOCS.rglob("*.md") if page != DOCS / "README.md" and page not in named] == []


def test_the_example_of_a_model_is_short():
    block = FENCE.findall((DOCS / "how_to" / "add_a_model.md").read_text())[0]
    assert len(block.splitlines()) <= LONGEST_MODEL
