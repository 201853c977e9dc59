"""Move each tuned number of `analysis` and `probe` by half, and tell which moves no unit test notices.

A number that decides a verdict or a culprit is guarded by a test that fails when it is moved. Tuned numbers stand in
the constants of a module. As many as are joined by operators are one number: `256 * 1024` is moved as a whole. 0, 1 and
-1 are never tuned, and neither is a number whose line, or the comment line above, says so:

    _PAGE_BYTES = 4096  # not tuned: a page of the processor
    _MAX_PATHS = 3  # any value from 1 to 9 does: only so many are printed

The second are listed apart. A module is tested by its own tests and those of the modules that import it; a module that
has none, by those of its folder. Answers are kept in .leakcheck/mutants.jsonl, so that a run goes on where it was
interrupted; they hold as long as the module and these tests stay the same.

    python benchmarks/mutants.py                                # all that has no answer yet
    python benchmarks/mutants.py --module analysis/growth/trend # one module, or one folder
    python benchmarks/mutants.py --list-survivors               # what is known without running anything
"""

import argparse
import hashlib
import json
import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import hypothesis  # noqa: F401 - once, and not for each mutant
import numpy as np  # noqa: F401
import pytest
from tuned_numbers import Mutant, mutants_of, tuned_numbers

PROJECT = Path(__file__).resolve().parents[1]
ROOMS = ("analysis", "probe")
MOST_SECONDS = 300
_OPTIONS = ("-q", "-x", "--no-header", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
"""The warning says that hypothesis was imported before pytest started."""

COPIED = ("leakcheck", "tests", "benchmarks", "scenarios", "docs/_ext", "pyproject.toml")
"""What the unit tests read."""

_NOT_COLLECTED, _BROKEN = 2, 99
"""How pytest ends where a module could not be imported (1 where a test failed), and where it did not start."""


def own_tests(path: Path, project: Path = PROJECT) -> list[Path]:
    """Return the test files of a module, from the project's root: tests/unit/ROOM/test_NAME.py, and its parts."""
    inside = path.relative_to("leakcheck").with_suffix("")
    folder = project / "tests" / "unit" / inside.parent
    siblings = {module.stem for module in (project / path).parent.glob("*.py")} - {inside.name}
    return [
        test.relative_to(project)
        for test in sorted(folder.glob(f"test_{inside.name}*.py"))
        # test_resource_names.py is not of resource.py where there is a resource_names.py
        if not any(test.stem.startswith(f"test_{sibling}") for sibling in siblings if len(sibling) > len(inside.name))
    ]


def covering_tests(path: Path, project: Path = PROJECT) -> list[Path]:
    """Return the tests to ask: the module's own, and those of the modules that import it; else those of its folder."""
    inside = path.relative_to("leakcheck").with_suffix("")
    own = own_tests(path, project)
    imported = re.compile(rf"^\s*from leakcheck\.{re.escape('.'.join(inside.parts))} import", re.MULTILINE)
    others = {
        test
        for room in ROOMS
        for module in (project / "leakcheck" / room).rglob("*.py")
        if imported.search(module.read_text(encoding="utf-8"))
        for test in own_tests(module.relative_to(project), project)
    }
    if not own:
        folder = project / "tests" / "unit" / inside.parent
        others |= {test.relative_to(project) for test in folder.glob("test_*.py")}
    return own + sorted(others - set(own))


def start(tests: Sequence[Path], project: Path) -> int:
    """Run tests in a copy of the project, in a process of their own, and return its number."""
    if process := os.fork():
        return process
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS))  # a loop that does not end is noticed
        output = os.open(project / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(project)
        sys.path.insert(0, str(project))
        os.environ.update(PYTHONPATH=str(project), PYTHONDONTWRITEBYTECODE="1")
        code = int(pytest.main([*_OPTIONS, *map(str, tests)]))
        sys.stdout.flush()
        os._exit(code)
    except BaseException:
        traceback.print_exc()
        os._exit(_BROKEN)


def failed(status: int, project: Path) -> bool:
    """Return whether a test failed, by the status that its process ended with."""
    code = os.waitstatus_to_exitcode(status)
    if code > _NOT_COLLECTED or code == -signal.SIGKILL:  # nobody but a full memory kills it
        raise SystemExit(f"pytest ended with {code}: {(project / 'output').read_text(errors='replace')}")
    return code != 0


def modules_of(places: Sequence[str], project: Path = PROJECT) -> list[Path]:
    """Return the modules below places that are named as in `analysis/growth` or `analysis/growth/trend`."""
    paths: list[Path] = []
    for place in places:
        base = project / "leakcheck" / place
        paths += [base.with_suffix(".py")] if base.with_suffix(".py").is_file() else sorted(base.rglob("*.py"))
    return [path.relative_to(project) for path in paths]


class Answers:
    """What is known of mutants: whether they were noticed, in a file that each answer is appended to at once."""

    def __init__(self, path: Path, project: Path = PROJECT) -> None:
        self._path, self._project = path, project
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self._noticed: dict[str, bool] = {}
        for line in lines:
            answer = json.loads(line)
            self._noticed[answer["key"]] = answer["noticed"]

    def get(self, mutant: Mutant) -> bool | None:
        """Return whether the mutant was noticed; None if it was not asked since its module or tests changed."""
        return self._noticed.get(self._key(mutant))

    def add(self, mutant: Mutant, *, noticed: bool) -> None:
        """Keep an answer."""
        key = self._key(mutant)
        self._noticed[key] = noticed
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"mutant": str(mutant), "noticed": noticed, "key": key}) + "\n")

    def _key(self, mutant: Mutant) -> str:
        return hashlib.sha256(f"{mutant} {_digest(mutant.number.path, self._project)}".encode()).hexdigest()[:16]


@cache
def _digest(path: Path, project: Path) -> str:
    """Return a digest of a module and of the tests that cover it."""
    digest = hashlib.sha256()
    for each in (path, *covering_tests(path, project)):
        digest.update((project / each).read_bytes())
    return digest.hexdigest()


def ask(mutants: Sequence[Mutant], answers: Answers, jobs: int) -> None:
    """Try the mutants, several at a time, each in a copy of the project, and keep the answers."""
    with tempfile.TemporaryDirectory(prefix="leakcheck-mutants-") as folder:
        whole = Path(folder) / "whole"
        _copy(PROJECT, whole)
        _check_unmoved({mutant.number.path for mutant in mutants}, whole)
        free = [shutil.copytree(whole, Path(folder) / str(number)) for number in range(jobs)]
        sys.dont_write_bytecode = True  # two mutants of one second and one length would share it
        running: dict[int, tuple[Mutant, Path]] = {}
        for number, mutant in enumerate(mutants):
            if not free:
                free.append(_finish(running, whole, answers))
            copy = free.pop()
            (copy / mutant.number.path).write_text(mutant.text((whole / mutant.number.path).read_text()))
            running[start(covering_tests(mutant.number.path, copy), copy)] = mutant, copy
            print(f"{number + 1} of {len(mutants)}", end="\r", file=sys.stderr)
        while running:
            _finish(running, whole, answers)


def _finish(running: dict[int, tuple[Mutant, Path]], whole: Path, answers: Answers) -> Path:
    """Wait until one of the mutants has its answer, and return its copy, which is whole again."""
    process, status = os.wait()
    mutant, copy = running.pop(process)
    answers.add(mutant, noticed=failed(status, copy))
    shutil.copy2(whole / mutant.number.path, copy / mutant.number.path)
    return copy


def _copy(project: Path, copy: Path) -> None:
    for name in COPIED:
        source, target = project / name, copy / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def _check_unmoved(paths: set[Path], copy: Path) -> None:
    """Raise SystemExit where a test fails although no number is moved: it would notice everything."""
    tests = {test for path in paths for test in covering_tests(path, copy)}
    if tests and failed(os.waitpid(start(sorted(tests), copy), 0)[1], copy):
        raise SystemExit(f"a test fails without a mutant:\n{(copy / 'output').read_text(errors='replace')}")


def main() -> int:
    """Print the mutants that no test notices; end with 1 where there is one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", action="append", help="module or folder, as analysis/growth/trend; repeatable")
    parser.add_argument("--list-survivors", action="store_true", help="run nothing, list what is known")
    parser.add_argument("--fresh", action="store_true", help="forget the answers of earlier runs")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time (default: %(default)s)")
    arguments = parser.parse_args()
    kept = PROJECT / ".leakcheck" / "mutants.jsonl"
    if arguments.fresh:
        kept.unlink(missing_ok=True)
    answers = Answers(kept)
    numbers = [
        number
        for path in modules_of(arguments.module or ROOMS)
        for number in tuned_numbers(path, (PROJECT / path).read_text(encoding="utf-8"))
    ]
    mutants = [mutant for number in numbers if not number.remark for mutant in mutants_of(number)]
    if not arguments.list_survivors:
        ask([mutant for mutant in mutants if answers.get(mutant) is None], answers, arguments.jobs)
    known = {mutant: answers.get(mutant) for mutant in mutants}
    survivors = [mutant for mutant, noticed in known.items() if noticed is False]
    for number in numbers:
        if number.remark:
            print(f"{number.path}:{number.line} {number.name}: {number.remark}")
    for mutant in survivors:
        print(mutant)
    unknown = sum(noticed is None for noticed in known.values())
    print(
        f"{len(mutants)} mutants: {len(mutants) - len(survivors) - unknown} noticed, {len(survivors)} not"
        + (f", {unknown} not tried" if unknown else "")
    )
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
