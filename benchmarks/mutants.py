"""Move each tuned number of `analysis` and `probe` by half, and tell which move no unit test notices.

A number that decides a verdict or a culprit is guarded by a test that fails when it is moved. The tests of a module
are found by its path: those of the module first, then those of its room.

    python benchmarks/mutants.py                       # all of both rooms: half an hour
    python benchmarks/mutants.py analysis/growth/trend # one module, or one folder
"""

import argparse
import ast
import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

PROJECT = Path(__file__).resolve().parents[1]
ROOMS = ("analysis", "probe")
FACTORS = (0.5, 1.5)
TIMEOUT_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One number of a module's constants, moved."""

    path: Path
    """From the project's root."""
    name: str
    line: int
    column: int
    end: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.name}: {self.before} -> {self.after}"


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Yield the mutants of a module: each number of a constant, by each factor; 0, 1 and 2 are not tuned."""
    for statement in ast.parse((PROJECT / path).read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign):
            targets, value = statement.targets, statement.value
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            targets, value = [statement.target], statement.value
        else:
            continue
        names = [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
        if not names or not names[0].isupper():
            continue
        for node in ast.walk(value):
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value not in (0, 1, 2):
                for factor in FACTORS:
                    moved = node.value * factor
                    after = repr(round(moved)) if isinstance(node.value, int) else repr(moved)
                    assert node.end_col_offset is not None
                    yield Mutant(
                        path=path,
                        name=", ".join(names),
                        line=node.lineno,
                        column=node.col_offset,
                        end=node.end_col_offset,
                        before=repr(node.value),
                        after=after,
                    )


def tests_of(path: Path) -> list[list[Path]]:
    """Return the tests to ask, the nearest first: the module's own, then its folder's, then its room's."""
    inside = path.relative_to("leakcheck").with_suffix("")
    folder = PROJECT / "tests" / "unit" / inside.parent
    own = sorted(folder.glob(f"test_{inside.name}*.py"))
    room = PROJECT / "tests" / "unit" / inside.parts[0]
    return [tests for tests in (own, [folder], [room]) if tests and all(test.exists() for test in tests)]


def is_noticed(mutant: Mutant, copy: Path) -> bool:
    """Tell whether a test fails with the mutant; `copy` is a copy of the package, and whole again afterwards."""
    module = copy / mutant.path
    text = module.read_text(encoding="utf-8")
    lines = text.splitlines(keepends=True)
    raw = lines[mutant.line - 1].encode()
    lines[mutant.line - 1] = (raw[: mutant.column] + mutant.after.encode() + raw[mutant.end :]).decode()
    module.write_text("".join(lines), encoding="utf-8")
    try:
        return any(_fail(tests, copy) for tests in tests_of(mutant.path))
    finally:
        module.write_text(text, encoding="utf-8")


def _fail(tests: list[Path], copy: Path) -> bool:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider", *map(str, tests)]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        return True  # a loop that does not end is noticed
    return done.returncode != 0


def modules_of(places: list[str]) -> list[Path]:
    """Return the modules below places that are named as in `analysis/growth` or `analysis/growth/trend`."""
    paths: list[Path] = []
    for place in places:
        base = PROJECT / "leakcheck" / place
        paths += [base.with_suffix(".py")] if base.with_suffix(".py").is_file() else sorted(base.rglob("*.py"))
    return [path.relative_to(PROJECT) for path in paths]


def main() -> int:
    """Print the mutants that no test notices; end with 1 where there is one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs="*", default=list(ROOMS))
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    mutants = [mutant for path in modules_of(arguments.places) for mutant in mutants_of(path)]
    survivors: list[Mutant] = []
    with tempfile.TemporaryDirectory(prefix="leakcheck-mutants-") as folder:
        copies: SimpleQueue[Path] = SimpleQueue()
        for number in range(arguments.jobs):
            copy = Path(folder) / str(number)
            shutil.copytree(PROJECT / "leakcheck", copy / "leakcheck", ignore=shutil.ignore_patterns("__pycache__"))
            copies.put(copy)

        def ask(mutant: Mutant) -> bool:
            copy = copies.get()
            try:
                return is_noticed(mutant, copy)
            finally:
                copies.put(copy)

        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            for number, (mutant, noticed) in enumerate(zip(mutants, pool.map(ask, mutants), strict=True), 1):
                if not noticed:
                    survivors.append(mutant)
                    print(mutant, flush=True)
                if sys.stderr.isatty() or number % 50 == 0:
                    print(f"{number} of {len(mutants)}", end="\r" if sys.stderr.isatty() else "\n", file=sys.stderr)
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} mutants noticed, {len(survivors)} not")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
