"""The six floors of the package, in one table, and the checker that reads the imports against it.

A *room* is what stands directly in the package: a folder, or one of the few modules beside the folders. Imports count
wherever they stand: at a file's top, in a function, under TYPE_CHECKING, or as a name that a table, a variable or a
template for `import_module` has.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "leakcheck"


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """Rooms that may import the same rooms; each may import itself."""

    rooms: frozenset[str]
    may_import: frozenset[str]


_WORDS = frozenset({"model", "scenario", "_version", PACKAGE})  # the package's own __init__ is a word
_TOOLS = frozenset({"config", "storage", "analysis", "reporters", "probe"})
_FEATURES = frozenset({"compare", "doctor"})
_ENTRIES = frozenset({"cli", "pytest_plugin", "django", "__main__"})

FLOORS = (
    Floor(rooms=_WORDS, may_import=_WORDS),
    Floor(rooms=_TOOLS, may_import=_WORDS),
    Floor(rooms=frozenset({"worker"}), may_import=_WORDS | {"probe"}),
    Floor(rooms=frozenset({"runner"}), may_import=_WORDS | _TOOLS),
    Floor(rooms=_FEATURES, may_import=_WORDS | _TOOLS | {"runner"}),
    Floor(rooms=_ENTRIES, may_import=_WORDS | _TOOLS | {"worker", "runner"} | _FEATURES | _ENTRIES),
)

LIBRARIES: Mapping[str, frozenset[str]] = {
    "leakcheck.config": frozenset({"msgspec"}),
    "leakcheck.storage": frozenset({"msgspec"}),
    "leakcheck.probe.allocations": frozenset({"memray"}),
    "leakcheck.worker.peak": frozenset({"memray"}),
    # the user's own, which are there when these are loaded
    "leakcheck.worker.django": frozenset({"asgiref", "django"}),
    "leakcheck.worker.server": frozenset({"gunicorn"}),
    "leakcheck.reporters": frozenset({"jinja2", "markupsafe", "rich"}),
    "leakcheck.reporters.plots": frozenset({"matplotlib"}),
    "leakcheck.reporters.export.memray_html": frozenset({"memray"}),
    "leakcheck.runner": frozenset({"msgspec", "psutil"}),
    "leakcheck.runner.load_generator": frozenset({"httpx"}),
    "leakcheck.runner.executors.dask": frozenset({"distributed"}),
    "leakcheck.doctor": frozenset({"msgspec", "rich"}),
    "leakcheck.cli": frozenset({"rich", "typer"}),
    "leakcheck.pytest_plugin": frozenset({"_pytest", "msgspec", "pytest"}),
    "leakcheck.django": frozenset({"django"}),
}
"""Beside the standard library, by the part of the package that needs them; what stands nowhere has none."""

NEVER = frozenset({"matplotlib.pyplot"})
"""It keeps figures and a back end for the whole process."""


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
    sentences = []
    for module in modules:
        floor = next((floor for floor in FLOORS if module.room in floor.rooms), None)
        if floor is None:
            sentences.append(f"{module.name}: the room {module.room!r} stands on no floor; put it into FLOORS")
            continue
        names = dict.fromkeys(imports_of(module, known))
        sentences += [f"{module.name} imports {name}" for name in names if not _is_allowed(name, module, floor)]
    return sentences


def _is_allowed(imported: str, module: Module, floor: Floor) -> bool:
    top = imported.partition(".")[0]
    if top == PACKAGE:
        return room_of(imported) in floor.may_import | {module.room}
    if imported in NEVER:
        return False
    return top in sys.stdlib_module_names or any(
        top in libraries and f"{module.name}.".startswith(f"{part}.") for part, libraries in LIBRARIES.items()
    )


def circles(modules: list[Module]) -> list[set[str]]:
    """Return each set of rooms that import one another in a circle, directly or by way of others."""
    known = {module.name for module in modules}
    arrows: dict[str, set[str]] = {}
    for module in modules:
        rooms = {room_of(name) for name in imports_of(module, known) if name.partition(".")[0] == PACKAGE}
        arrows.setdefault(module.room, set()).update(rooms - {module.room})
    reached = {room: _reached(room, arrows) for room in arrows}
    found = {frozenset(other for other in reached[room] if room in reached.get(other, ())) for room in reached}
    return [set(circle) for circle in found if circle]


def _reached(start: str, arrows: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = list(arrows.get(start, ()))
    while waiting:
        room = waiting.pop()
        if room not in reached:
            reached.add(room)
            waiting += arrows.get(room, ())
    return reached


def imports_of(module: Module, known: set[str]) -> Iterator[str]:
    """Yield the full name of every module that is imported; `from package import name` is looked through."""
    tree = ast.parse(module.text)
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, module)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield full if full in known else base
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__") and node.args:
            yield from _named_in(node.args[0], module, known, texts)
    yield from sorted(text for text in texts if text.startswith(f"{PACKAGE}.") and text in known)
    # a program for another process is code too
    for text in texts:
        yield from (name for name in re.findall(rf"\b(?:from|import) ({PACKAGE}(?:\.\w+)+)", text) if name in known)


def _named_in(argument: ast.expr, module: Module, known: set[str], texts: set[str]) -> Iterator[str]:
    """Yield what the argument of `import_module` may name: a template is filled with every text of the module."""
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value
    elif isinstance(argument, ast.JoinedStr):
        package = module.name if module.is_package else module.name.rpartition(".")[0]
        for text in sorted(texts):
            filled = "".join(
                str(part.value) if isinstance(part, ast.Constant) else package if _is_package_name(part) else text
                for part in argument.values
            )
            if filled in known:
                yield filled


def _is_package_name(part: ast.expr) -> bool:
    return isinstance(part, ast.FormattedValue) and getattr(part.value, "id", None) == "__package__"


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    parts = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*parts, node.module] if node.module else parts)


def _called(node: ast.Call) -> str | None:
    return getattr(node.func, "attr", None) or getattr(node.func, "id", None)
