"""The design of the package, read from its imports: they point down, and never round in a circle."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import cordsnet

ROOT = Path(cordsnet.__file__).parent
# highest first; names in one row do not import one another
LAYERS = (
    {"__main__"},
    {"cli"},
    {"report", "benchmarks"},
    {"experiments", "testing"},
    {"tasks", "neural"},
    {"training"},
    {"models", "analysis", "stimuli", "data"},
    {"dynamics"},
    {
        "_arguments",
        "_typing",
        "_version",
        "_files",
        "_intervals",
        "_checks",
        "_lazy",
        "_processes",
        "_progress",
        "errors",
        "registry",
        "pictures",
    },
)
HEIGHT = {part: -k for k, layer in enumerate(LAYERS) for part in layer}
FREE_TO_MEET = LAYERS[-1]  # the ground floor may lean on itself, where the test of cycles holds it
MODULES = {
    ".".join(("cordsnet", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}
LONGEST_FILE, LONGEST_FUNCTION = 300, 60


def imports(name):
    """The modules of the package that a module names in its imports, wherever they stand in it."""
    path, found = MODULES[name], set()
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "cordsnet"}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
            source = ".".join(part for part in (base, node.module) if part)
            if source.split(".")[0] == "cordsnet":
                named = {f"{source}.{alias.name}" for alias in node.names}
                found |= {target if target in MODULES else source for target in named}
    return found


def part(name):
    return name.split(".")[1] if "." in name else ""


def test_the_whole_package_is_read():
    assert {"cordsnet", "cordsnet.dynamics.simulate", "cordsnet.models.cordsnet", "cordsnet.errors"} <= set(MODULES)
    assert "cordsnet.dynamics.state" in imports("cordsnet.dynamics.engines")
    assert {part(name) for name in MODULES} - {""} <= set(HEIGHT)


@pytest.mark.parametrize("name", [name for name in MODULES if name != "cordsnet"])
def test_imports_point_down_only(name):
    own = part(name)
    for target in imports(name) - {"cordsnet"}:
        other = part(target)
        level = other in FREE_TO_MEET and own in FREE_TO_MEET
        assert other == own or level or HEIGHT[other] < HEIGHT[own], f"{name} imports {target}"


@pytest.mark.parametrize("name", [name for name in MODULES if part(name) not in ("", "cli")])
def test_the_public_door_is_for_those_outside(name):
    assert "cordsnet" not in imports(name)


def test_no_module_imports_itself_by_a_detour():
    try:
        order = list(TopologicalSorter({name: imports(name) for name in MODULES}).static_order())
    except CycleError as error:
        pytest.fail(f"import cycle: {' -> '.join(error.args[1])}")
    assert set(MODULES) <= set(order)


@pytest.mark.parametrize("name", MODULES)
def test_files_are_short(name):
    lines = len(MODULES[name].read_text().splitlines())
    assert lines <= LONGEST_FILE


@pytest.mark.parametrize("name", MODULES)
def test_functions_are_short(name):
    for node in ast.walk(ast.parse(MODULES[name].read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno + 1 <= LONGEST_FUNCTION, f"{name}.{node.name}"
