"""The floors hold, and a checker that could not fail would not say so."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import leakcheck
from tests.architecture.floors import FLOORS, Module, read_modules, violations

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
    assert {"leakcheck", "leakcheck.model", "leakcheck.worker.peak", "leakcheck.analysis.trend"} <= names


def test_a_room_stands_on_one_floor_only() -> None:
    rooms = [room for floor in FLOORS for room in floor.rooms]
    assert len(rooms) == len(set(rooms))


@pytest.mark.parametrize(
    ("name", "text", "imported"),
    [
        ("leakcheck.model", "import msgspec", "msgspec"),
        ("leakcheck.units", "from leakcheck.config import Said", "leakcheck.config"),
        ("leakcheck", "from leakcheck import session", "leakcheck.session"),
        ("leakcheck.analysis.trend", "from leakcheck.worker.settle import settle", "leakcheck.worker.settle"),
        ("leakcheck.analysis.trend", "import rich.table", "rich.table"),
        ("leakcheck.worker.load", "from leakcheck.analysis import trend", "leakcheck.analysis.trend"),
        ("leakcheck.worker.load", "def late():\n    import numpy as np", "numpy"),
        ("leakcheck.worker.replay", "import memray", "memray"),
        ("leakcheck.worker.replay", "from importlib import import_module\nimport_module('memray')", "memray"),
        ("leakcheck.engine", "from leakcheck.worker import replay", "leakcheck.worker.replay"),
        ("leakcheck.engine", "from leakcheck.worker.load import load_file", "leakcheck.worker.load"),
        ("leakcheck.store", "from leakcheck import config", "leakcheck.config"),
        ("leakcheck.reporters.terminal", "from ..analysis.trend import slope", "leakcheck.analysis.trend"),
        ("leakcheck.reporters.terminal", "import matplotlib.pyplot", "matplotlib.pyplot"),
        ("leakcheck.reporters.plots.peak", "import matplotlib.pyplot", "matplotlib.pyplot"),
        ("leakcheck.session", "from leakcheck.cli import main", "leakcheck.cli"),
        ("leakcheck.session", "from leakcheck import worker", "leakcheck.worker"),
        ("leakcheck.measure", "import typing\nif typing.TYPE_CHECKING:\n    import typer", "typer"),
        ("leakcheck.cli.run", "import requests", "requests"),
    ],
)
def test_an_import_that_breaks_a_floor_is_named(name: str, text: str, imported: str) -> None:
    others = [imported] if imported.startswith("leakcheck") else []
    assert violations(made_up(name, text, *others)) == [f"{name} imports {imported}"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("leakcheck.model", "import math\nfrom leakcheck.scenario import scenario_id"),
        ("leakcheck.analysis.growth", "import numpy\nfrom scipy.stats import t\nfrom leakcheck.analysis import trend"),
        ("leakcheck.worker.peak", "def late():\n    import memray"),
        ("leakcheck.engine", "import psutil\nfrom leakcheck import worker as worker_package"),
        ("leakcheck.session", "from leakcheck import __version__, store\nfrom leakcheck.find import find"),
        ("leakcheck.cli.run", "import typer\nfrom leakcheck import session"),
    ],
)
def test_an_import_from_below_is_allowed(name: str, text: str) -> None:
    below = ("leakcheck", "leakcheck.worker", "leakcheck.store", "leakcheck.session", "leakcheck.analysis.trend")
    assert violations(made_up(name, text, *below)) == []


def test_a_room_in_no_table_is_named() -> None:
    [sentence] = violations(made_up("leakcheck.attic.box", "import os"))
    assert "'attic' stands on no floor" in sentence


def test_the_measured_process_loads_the_standard_library_alone() -> None:
    """WHEN all of the worker and the words are imported where nothing is installed THEN that works."""
    names = [module.name for module in MODULES if module.room == "worker" and not module.name.endswith("__main__")]
    program = (
        f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); import leakcheck, {', '.join(names)};"
        "assert 'leakcheck.model' not in sys.modules, 'the worker answers in plain JSON'"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.returncode == 0


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_can_be_read_at_one_sitting(module: Module) -> None:
    assert len(module.text.splitlines()) <= MOST_LINES


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
