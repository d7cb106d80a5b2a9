"""Named entries: added as objects, or as the place to import them from when they are first asked for."""

import sys

import pytest

from cordsnet.registry import Registry


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module that counts how often it was imported."""
    (tmp_path / "lazily_imported.py").write_text(
        "import sys\nsys.lazy_count += 1\n\n\nclass A:\n    factory = object()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "lazy_count", 0, raising=False)
    yield "lazily_imported"
    sys.modules.pop("lazily_imported", None)


def test_a_lazy_entry_is_imported_once_when_first_asked_for(module):
    registry = Registry("model")
    registry.add_lazy("nested", f"{module}:A.factory")
    assert "nested" in registry
    assert registry.names() == list(registry) == ["nested"]
    assert sys.lazy_count == 0
    entry = registry["nested"]
    sys.modules.pop(module)
    assert registry["nested"] is entry
    assert sys.lazy_count == 1
    assert registry.names() == ["nested"]


@pytest.mark.parametrize("target", ["{module}:missing", "no_such_module:factory", "no_such_package.inner:factory"])
def test_a_wrong_path_names_the_entry(module, target):
    registry = Registry("model")
    registry.add_lazy("lost", target.format(module=module))
    with pytest.raises(ImportError, match=r"^model 'lost' cannot be imported from '.*correct that path") as raised:
        registry["lost"]
    assert "\n" not in str(raised.value)
    assert "lost" in registry


@pytest.mark.parametrize("target", ["factory", "package.module", "module:", ":factory", "a b:c", "a/b:c", "a:b:c"])
def test_a_malformed_path_is_refused_when_added(target):
    with pytest.raises(ValueError, match=r"target of model 'lost' must be 'package.module:attribute'"):
        Registry("model").add_lazy("lost", target)


def test_a_name_is_given_once(module):
    registry = Registry("model")
    registry.add_lazy("lazy", f"{module}:A")
    registry.add("eager", 1)
    for name in ("lazy", "eager"):
        with pytest.raises(ValueError, match=f"model '{name}' is registered already"):
            registry.add(name, 2)
        with pytest.raises(ValueError, match=f"model '{name}' is registered already"):
            registry.add_lazy(name, f"{module}:A")


def test_an_unknown_name_is_answered_with_near_ones_lazy_ones_included():
    registry = Registry("model")
    registry.add_lazy("cornet_s", "nowhere:factory")
    with pytest.raises(ValueError, match=r"unknown model 'cornet_z'; did you mean 'cornet_s'\?"):
        registry["cornet_z"]
    with pytest.raises(ValueError, match="unknown model 'vgg'; known: cornet_s"):
        registry["vgg"]
