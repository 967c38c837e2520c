"""One way in: `import npzf.studies.NAME` is the module, and the studies themselves have names of their own."""

import importlib
import inspect
from pkgutil import iter_modules
from types import ModuleType

import pytest

import npzf.studies as studies

MODULES = [module.name for module in iter_modules(studies.__path__)]
FUNCTIONS = [name for name in studies.__all__ if inspect.isfunction(getattr(studies, name))]


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_not_hidden_by_a_function(name):
    module = importlib.import_module(f"npzf.studies.{name}")
    assert isinstance(module, ModuleType) and getattr(studies, name) is module
    assert name not in studies.__all__


def test_every_public_name_is_there():
    assert studies.__all__ == sorted(studies.__all__)
    assert all(hasattr(studies, name) for name in studies.__all__)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_net_comes_first_and_options_are_named(name):
    parameters = list(inspect.signature(getattr(studies, name)).parameters.values())
    assert parameters[0].name == ("optimum" if name == "great_circle" else "net")
    required = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    optional = [p.name for p in parameters if p.default is not p.empty]
    assert not set(required) & set(optional), "a default that can be given by place"
    subjects = {"x", "images", "layer", "label", "optimum", "direction"}
    assert required[1] in subjects
