"""Imports run one way: from the scripts down to the arrays. Nothing below knows anything above."""

import ast
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROWS = [  # lowest first; a room imports from its own row and from those below
    ["backend", "storage", "geometry", "preprocessing", "text", "numbers"],
    ["ops"],
    ["layers", "regions"],
    ["network", "models", "rows", "graph", "tape", "units", "losses", "serialization"],
    ["data"],
    ["sweep", "predict", "deconvnet", "interop"],
    ["explore", "render", "studies", "transfer", "training"],
    ["__init__"],
    ["scripts", "__main__"],
]
ROW = {room: row for row, rooms in enumerate(ROWS) for room in rooms}


def room(module):
    """npzf.ops.cuda.pooling -> ops, npzf -> __init__, scripts.train -> scripts."""
    top, _, rest = module.partition(".")
    return top if top != "npzf" else rest.partition(".")[0] or "__init__"


@cache
def sources():
    """Module name -> source, of npzf and the scripts."""
    files = [*(ROOT / "npzf").rglob("*.py"), *(ROOT / "scripts").glob("*.py")]
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in files]
    return {name: file.read_text() for name, file in zip(names, files, strict=True)}


def imports(module, source, modules, at_load=False):
    """(imported module, name taken from it or None, name it gets) of every import; at_load: only those that importing runs."""
    nodes = ast.walk(ast.parse(source)) if not at_load else ast.parse(source).body
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None, alias.asname or alias.name
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: line {node.lineno} imports by dots, expected the full name"
            for alias in node.names:
                if f"{node.module}.{alias.name}" in modules:
                    yield f"{node.module}.{alias.name}", None, alias.asname or alias.name
                else:
                    yield node.module, alias.name, alias.asname or alias.name


def ours(target):
    return target.partition(".")[0] in ("npzf", "scripts")


def upward(module, source, modules):
    """The module's imports from a row above its own."""
    return [
        f"{module} imports {target}"
        for target, *_ in imports(module, source, modules)
        if ours(target) and ROW[room(target)] > ROW[room(module)]
    ]


def private(module, source, modules):
    """Names with an underscore in front that the module takes from another one, by import or as an attribute."""
    found, known = [], {}
    for target, name, alias in imports(module, source, modules):
        parts = (target if name is None else f"{target}.{name}").split(".")
        if ours(target) and any(part.startswith("_") and not part.startswith("__") for part in parts):
            found.append(".".join(parts))
        elif ours(target) and name is None:
            known[alias] = target
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.startswith("__"):
            owner = ast.unparse(node.value)
            if owner in known:
                found.append(f"{known[owner]}.{node.attr}")
    return [f"{module} takes {name}" for name in found]


def foreign_gpu(module, source, modules):
    """Imports of cupy outside backend/install.py, which says in one line what is missing, and of cupyx outside backend."""
    found = []
    for target, name, _ in imports(module, source, modules):
        top = target.partition(".")[0]
        if (top == "cupy" and module != "npzf.backend.install") or (top == "cupyx" and not module.startswith("npzf.backend.")):
            found.append(f"{module} imports {target}{'.' + name if name else ''}")
    return found


@pytest.mark.parametrize("wrong", [upward, private, foreign_gpu])
def test_the_house(wrong):
    assert [line for module, source in sources().items() for line in wrong(module, source, sources())] == []


def test_every_room_has_a_row():
    assert {room(module) for module in sources()} <= set(ROW)


def circle(graph):
    """A circle in the graph, name -> names it imports, or None."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return None


def test_no_circle_of_rooms():
    """Rooms of one row may import from each other, but one way; a file imports another in a function only if it must."""
    rooms = {}
    for module, source in sources().items():
        targets = {room(target) for target, *_ in imports(module, source, sources(), at_load=True) if ours(target)}
        rooms.setdefault(room(module), set()).update(targets - {room(module), "__init__"})
    assert circle(rooms) is None


def test_no_circle_of_modules():
    graph = {
        module: {t for t, *_ in imports(module, source, sources(), at_load=True) if ours(t)} - {module, "npzf"}
        for module, source in sources().items()
    }
    assert circle(graph) is None


MODULES = {"npzf", "npzf.network", "npzf.ops", "npzf.ops.cpu", "npzf.studies", "npzf.studies.top", "npzf.render.plots"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("npzf.ops.cpu.pooling", "from npzf import network"),
        ("npzf.ops.cpu.pooling", "def f():\n    import npzf.studies.top as top"),
        ("npzf.layers.conv", "from npzf.network import Network"),
        ("npzf.layers.conv", "if TYPE_CHECKING:\n    from npzf.network import Network"),
        ("npzf.network", "from npzf.studies.top import TopActivations"),
        ("npzf.studies.top", "import npzf"),
        ("npzf.data.decode", "from npzf.sweep import sweep"),
        ("npzf.studies.top", "from scripts import cli"),
    ],
)
def test_an_import_upwards_is_found(module, source):
    assert upward(module, source, MODULES)
    assert not upward("scripts.train", source, MODULES)


@pytest.mark.parametrize(
    "source",
    [
        "from npzf.render.plots import _figure",
        "from npzf.render.plots import _figure as figure",
        "from npzf.render import plots\nplots._figure()",
        "import npzf.render.plots\nnpzf.render.plots._figure()",
        "import npzf.render.plots as p\np._figure()",
        "from npzf._hidden import name",
    ],
)
def test_a_private_name_of_another_module_is_found(source):
    assert private("npzf.studies.top", source, MODULES)
    assert not private("npzf.studies.top", source.replace("_", ""), MODULES)


def test_what_is_private_at_home_is_not():
    assert not private("npzf.studies.top", "import npzf.ops\nself._x = net._y\nnpzf.ops.__doc__\n_z()", MODULES)


@pytest.mark.parametrize(
    "source", ["import cupy", "import cupy.cuda as c", "from cupy import cuda", "def f():\n    import cupyx"]
)
def test_cupy_in_the_wrong_place_is_found(source):
    assert foreign_gpu("npzf.ops.cuda.pooling", source, MODULES)
    assert foreign_gpu("scripts.train", source, MODULES)
    assert bool(foreign_gpu("npzf.backend.prefetch", source, MODULES)) == ("cupyx" not in source)
    assert not foreign_gpu("npzf.backend.install", source, MODULES)


def test_a_circle_is_found():
    assert circle({"render": {"studies"}, "studies": {"top"}, "top": {"render"}})
    assert circle({"render": {"studies"}, "studies": {"top"}}) is None
