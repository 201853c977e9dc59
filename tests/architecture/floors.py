"""The floors of the house, in one table, and the checker that reads the imports against it.

A *room* is what stands directly in the package: a module or a folder. Imports count wherever they
stand: at a file's top, in a function, under TYPE_CHECKING, or as a name given to import_module.
"""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "leakcheck"


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """Rooms that may import the same: `rooms` of ours (their own room always), and `libraries`."""

    rooms: frozenset[str]
    may_import: frozenset[str]
    libraries: frozenset[str] = frozenset()
    """Beside the standard library, which everybody may import."""


# `leakcheck` is the package's own __init__: it is imported in the measured process, so it is a word
WORDS = frozenset(
    {
        "leakcheck",
        "_version",
        "answers",
        "baseline",
        "contrast",
        "elsewhere",
        "errors",
        "examination",
        "explanation",
        "failures",
        "internal",
        "formats",
        "letters",
        "limited",
        "offspring",
        "model",
        "parts",
        "plan",
        "record",
        "scenario",
        "served",
        "socket_folder",
        "stacks",
        "stages",
        "surroundings",
        "thread_caches",
        "traps",
        "units",
        "verdicts",
    }
)
THOUGHT = frozenset({"analysis"})
WORKER = frozenset({"worker"})
EDGES = frozenset(
    {
        "engine",
        "aftermath",
        "answered",
        "descendants",
        "hearing",
        "inbox",
        "own_folders",
        "processes",
        "lending",
        "listening",
        "store",
        "config",
        "layers",
        "captures",
        "machine",
        "process_effort",
        "process_memory",
        "staged",
        "discover",
        "history",
        "repository",
        "select",
        "reporters",
        "revisions",
        "streams",
        "environments",
        "traffic",
    }
)
ROAD = frozenset(
    {
        *("session", "children", "find", "task", "measure", "follow", "weigh", "case", "explain", "limit"),
        *("against", "update", "compare", "crew", "sharding", "durations", "merge", "judge", "demo", "doctor"),
        *("executors", "fleet", "waiting", "peak", "unmeasured"),
    }
)
FILES = frozenset({"files"})
DOORS = frozenset({"__main__", "cli", "pytest_plugin", "django"})

FLOORS = (
    Floor(rooms=WORDS, may_import=WORDS),
    Floor(rooms=THOUGHT, may_import=WORDS, libraries=frozenset({"numpy", "scipy"})),
    Floor(rooms=WORKER, may_import=WORDS | FILES),
    Floor(rooms=FILES, may_import=WORDS),
    Floor(
        rooms=EDGES,
        may_import=WORDS | FILES,
        libraries=frozenset({"jinja2", "markupsafe", "msgspec", "psutil", "rich"}),
    ),
    Floor(rooms=ROAD, may_import=WORDS | THOUGHT | FILES | EDGES | ROAD, libraries=frozenset({"msgspec"})),
    Floor(
        rooms=DOORS,
        may_import=WORDS | THOUGHT | WORKER | FILES | EDGES | ROAD | DOORS,
        libraries=frozenset({"_pytest", "django", "msgspec", "pytest", "rich", "typer"}),
    ),
)

EXCEPTIONS: Mapping[str, frozenset[str]] = {
    # the cluster's own client; nothing else knows of it
    "leakcheck.fleet.cluster": frozenset({"distributed", "distributed.scheduler"}),
    "leakcheck.fleet.station": frozenset({"distributed"}),
    # the user's server, imported where it is measured, and who drives it
    "leakcheck.worker.serving.serve": frozenset({"gunicorn", "gunicorn.app.base"}),
    "leakcheck.traffic": frozenset({"httpx", "leakcheck.process_memory"}),
    # the passes that trace
    "leakcheck.worker.peak": frozenset({"memray"}),
    # and the page of memray's own that a report links to
    "leakcheck.reporters.memray_page": frozenset({"memray", "memray.reporters.flamegraph"}),
    "leakcheck.worker.lent": frozenset({"memray", "memray.reporters.module_tools"}),
    # pictures; never pyplot, which keeps figures and a back end for the whole process
    "leakcheck.reporters.plots": frozenset({"matplotlib.figure"}),
    "leakcheck.reporters.plots.canvas": frozenset(
        {"matplotlib", "matplotlib.axes", "matplotlib.figure", "matplotlib.ticker"}
    ),
    "leakcheck.reporters.plots.growth": frozenset({"matplotlib.axes"}),
    "leakcheck.reporters.plots.history": frozenset({"matplotlib.axes"}),
    "leakcheck.reporters.plots.pair": frozenset({"matplotlib.axes"}),
    "leakcheck.reporters.plots.peak": frozenset({"matplotlib.axes"}),
    # the worker's package alone, to find the path that it is started by; and what takes its answers apart
    "leakcheck.engine": frozenset(
        {
            *("leakcheck.worker", "leakcheck.hearing", "leakcheck.aftermath", "leakcheck.answered"),
            *("leakcheck.staged", "leakcheck.machine", "leakcheck.descendants"),
        }
    ),
    "leakcheck.staged": frozenset({"leakcheck.process_effort"}),
    "leakcheck.hearing": frozenset({"leakcheck.aftermath", "leakcheck.inbox", "leakcheck.listening"}),
    "leakcheck.listening": frozenset({"leakcheck.own_folders"}),
    "leakcheck.descendants": frozenset({"leakcheck.process_memory", "leakcheck.processes"}),
    "leakcheck.own_folders": frozenset({"leakcheck.descendants", "leakcheck.processes"}),
    # the layers that settings are resolved from
    "leakcheck.config": frozenset({"leakcheck.layers"}),
    "leakcheck.aftermath": frozenset({"leakcheck.worker"}),
}


GUESTS: Mapping[str, frozenset[str]] = {
    # the user's own Django, which is there when this is loaded, and comes in within functions alone
    "leakcheck.worker.project.": frozenset({"asgiref", "django"}),
}
"""Libraries that the modules of a part of a room may import, by how their names begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A file of the package, under the name it is imported by."""

    name: str
    text: str
    is_package: bool = False

    @property
    def room(self) -> str:
        """What it belongs to, directly below the package."""
        return room_of(self.name)


def room_of(name: str) -> str:
    """Return the room that a dotted name of ours lies in; the package itself is a room too."""
    return [*name.split("."), name][1]


def read_modules(package: Path) -> list[Module]:
    """Return every module below a package's folder, sorted by name."""
    modules = []
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        modules.append(Module(name=name, text=path.read_text(encoding="utf-8"), is_package=is_package))
    return modules


def violations(modules: list[Module]) -> list[str]:
    """Return a sentence for each import that breaks a floor, and for each room that stands in no table."""
    known = {module.name for module in modules}
    found = []
    for module in modules:
        floor = next((floor for floor in FLOORS if module.room in floor.rooms), None)
        if floor is None:
            found.append(f"{module.name}: the room {module.room!r} stands on no floor; put it into FLOORS")
            continue
        imports = _imports(module, known)
        found += [f"{module.name} imports {one}" for one in imports if not _is_allowed(one, module, floor)]
    return found


def _is_allowed(imported: str, module: Module, floor: Floor) -> bool:
    if imported in EXCEPTIONS.get(module.name, ()):
        return True
    top = imported.split(".")[0]
    if any(module.name.startswith(part) and top in libraries for part, libraries in GUESTS.items()):
        return True
    if top == PACKAGE:
        return room_of(imported) in floor.may_import | {module.room}
    return top in sys.stdlib_module_names or top in floor.libraries


def _imports(module: Module, known: set[str]) -> Iterator[str]:
    """Yield the full name of every module that is imported; `from package import name` is looked through."""
    for node in ast.walk(ast.parse(module.text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield full if full in known else base
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            yield from _texts(node.args[:1])


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    parts = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*parts, node.module] if node.module else parts)


def _called(node: ast.Call) -> str | None:
    return getattr(node.func, "attr", None) or getattr(node.func, "id", None)


def _texts(nodes: Sequence[ast.expr]) -> list[str]:
    return [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
