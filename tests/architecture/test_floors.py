"""The floors hold, and a checker that could not fail would not say so."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import leakcheck
from tests.architecture.floors import FLOORS, Module, circles, read_modules, violations

PACKAGE = Path(leakcheck.__file__).parent
PROJECT = Path(__file__).parents[2]
MODULES = read_modules(PACKAGE)
MOST_LINES = 300


def made_up(name: str, text: str, *others: str) -> list[Module]:
    return [Module(name=name, text=text), *(Module(name=other, text="") for other in others)]


def test_no_module_breaks_a_floor() -> None:
    assert violations(MODULES) == []


def test_the_checker_reads_the_real_package() -> None:
    names = {module.name for module in MODULES}
    assert {"leakcheck", "leakcheck.model.result", "leakcheck.worker.peak", "leakcheck.analysis.growth.trend"} <= names


def test_a_room_stands_on_one_floor_only() -> None:
    rooms = [room for floor in FLOORS for room in floor.rooms]
    assert len(rooms) == len(set(rooms))


def test_there_are_six_floors_and_no_room_takes_part_in_a_circle() -> None:
    assert len(FLOORS) == 6
    assert circles(MODULES) == []


def test_beside_the_rooms_stand_four_modules() -> None:
    assert {path.name for path in PACKAGE.glob("*.py")} == {"__init__.py", "__main__.py", "_version.py", "scenario.py"}


@pytest.mark.parametrize(
    ("name", "text", "imported"),
    [
        ("leakcheck.model.result", "import msgspec", "msgspec"),
        ("leakcheck.model.units", "from leakcheck.config.settings import Said", "leakcheck.config.settings"),
        ("leakcheck", "from leakcheck.runner import session", "leakcheck.runner.session"),
        (
            "leakcheck.analysis.growth.trend",
            "from leakcheck.probe.meters import settle",
            "leakcheck.probe.meters.settle",
        ),
        ("leakcheck.analysis.growth.trend", "import rich.table", "rich.table"),
        ("leakcheck.analysis.growth.trend", "from leakcheck.config import values", "leakcheck.config.values"),
        ("leakcheck.probe.heap.lengths", "from leakcheck.worker import load", "leakcheck.worker.load"),
        ("leakcheck.probe.heap.lengths", "import memray", "memray"),
        ("leakcheck.worker.load", "from leakcheck.analysis.growth import trend", "leakcheck.analysis.growth.trend"),
        ("leakcheck.worker.load", "def late():\n    import numpy as np", "numpy"),
        ("leakcheck.worker.growth", "import memray", "memray"),
        ("leakcheck.worker.growth", "from importlib import import_module\nimport_module('memray')", "memray"),
        ("leakcheck.runner.worker_process", "from leakcheck.worker import growth", "leakcheck.worker.growth"),
        ("leakcheck.runner.executors", "_DASK = 'leakcheck.compare.dask'", "leakcheck.compare.dask"),
        ("leakcheck.runner.executors", "TABLE = {1: ('leakcheck.compare.dask', 'run')}", "leakcheck.compare.dask"),
        (
            "leakcheck.runner.executors",
            "VERBS = ('dask',)\nimport_module(f'leakcheck.compare.{VERBS[0]}')",
            "leakcheck.compare.dask",
        ),
        (
            "leakcheck.runner.executors",
            "START = 'import sys; from leakcheck.cli.main import main'",
            "leakcheck.cli.main",
        ),
        ("leakcheck.compare.sides", "from leakcheck.doctor import checks", "leakcheck.doctor.checks"),
        ("leakcheck.reporters.terminal", "from ..analysis.growth.trend import x", "leakcheck.analysis.growth.trend"),
        ("leakcheck.reporters.terminal", "import matplotlib.axes", "matplotlib.axes"),
        ("leakcheck.reporters.plots.figures", "import matplotlib.pyplot", "matplotlib.pyplot"),
        ("leakcheck.runner.session", "from leakcheck.cli.main import main", "leakcheck.cli.main"),
        ("leakcheck.runner.session", "from leakcheck import worker", "leakcheck.worker"),
        ("leakcheck.runner.measure", "import typing\nif typing.TYPE_CHECKING:\n    import typer", "typer"),
        ("leakcheck.cli.run", "import requests", "requests"),
    ],
)
def test_an_import_that_breaks_a_floor_is_named(name: str, text: str, imported: str) -> None:
    others = [imported] if imported.startswith("leakcheck") else []
    assert violations(made_up(name, text, *others)) == [f"{name} imports {imported}"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("leakcheck.scenario", "import math\nfrom leakcheck.model.units import parse_size"),
        ("leakcheck.analysis.growth.estimate", "import statistics\nfrom leakcheck.analysis.growth import trend"),
        ("leakcheck.worker.peak", "def late():\n    import memray"),
        ("leakcheck.worker.growth", "from leakcheck.probe.meters import settle"),
        ("leakcheck.runner.worker_process", "import psutil\nSCHEMA = 'leakcheck.run/1'"),
        ("leakcheck.runner.session", "from leakcheck import __version__\nfrom leakcheck.storage import run_file"),
        ("leakcheck.cli.run", "import typer\nfrom leakcheck.runner import session"),
    ],
)
def test_an_import_from_below_is_allowed(name: str, text: str) -> None:
    below = ("leakcheck", "leakcheck.storage.run_file", "leakcheck.runner.session", "leakcheck.probe.meters.settle")
    assert violations(made_up(name, text, *below, "leakcheck.analysis.growth.trend")) == []


def test_a_circle_is_found_that_leads_through_others() -> None:
    modules = [
        Module(name="leakcheck.config.a", text="from leakcheck.storage.b import x"),
        Module(name="leakcheck.storage.b", text="NAME = 'leakcheck.analysis.c'"),
        Module(name="leakcheck.analysis.c", text="def late():\n    from leakcheck.config import a"),
        Module(name="leakcheck.cli.d", text="from leakcheck.config import a"),
    ]
    assert circles(modules) == [{"config", "storage", "analysis"}]


def test_a_room_in_no_table_is_named() -> None:
    [sentence] = violations(made_up("leakcheck.attic.box", "import os"))
    assert "'attic' stands on no floor" in sentence


def test_the_measured_process_loads_the_standard_library_alone() -> None:
    """WHEN all of the probe, of the worker and of the words are imported where nothing is installed THEN that works."""
    rooms = ("probe", "worker")
    names = [module.name for module in MODULES if module.room in rooms and not module.name.endswith("__main__")]
    program = (
        f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); import leakcheck, {', '.join(names)};"
        "assert 'leakcheck.model.result' not in sys.modules, 'the worker answers in plain JSON'"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_can_be_read_at_one_sitting(module: Module) -> None:
    assert len(module.text.splitlines()) <= MOST_LINES


def test_no_two_classes_have_one_name() -> None:
    places: dict[str, list[str]] = {}
    for module in MODULES:
        for node in ast.walk(ast.parse(module.text)):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(module.name)
    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


def pickles_in(text: str) -> list[str]:
    """Return every name in the code, imports and keywords included, that has to do with pickle."""
    names: list[str] = []
    for node in ast.walk(ast.parse(text)):
        for field in ("id", "attr", "arg", "name", "module"):
            value = getattr(node, field, None)
            if isinstance(value, str) and "pickle" in value.lower():
                names.append(value)
    return names


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import pickle", ["pickle"]),
        ("from cPickle import loads", ["cPickle"]),
        ("np.load(path, allow_pickle=True)", ["allow_pickle"]),
        ("multiprocessing.reduction.ForkingPickler", ["ForkingPickler"]),
        ("'''nothing is ever unpickled'''", []),
    ],
)
def test_the_search_for_pickle_sees_code_and_not_prose(text: str, found: list[str]) -> None:
    assert pickles_in(text) == found


def test_no_module_of_the_project_names_pickle() -> None:
    folders = [PROJECT / name for name in ("leakcheck", "scenarios", "benchmarks")]
    # the corpus is other people's bugs, replayed and never read from
    paths = [
        path for folder in folders for path in folder.rglob("*.py") if not {"corpus", "site-packages"} & {*path.parts}
    ]
    assert len(paths) > len(MODULES)
    assert [str(path) for path in paths if pickles_in(path.read_text(encoding="utf-8"))] == []
