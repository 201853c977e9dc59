"""From targets to scenarios: asked of the interpreter that will measure them, file by file.

The parent never imports the user's code. A file that does not import, or crashes the interpreter,
becomes a failed result, and the others are still measured.
"""

import ast
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

from leakcheck.config.settings import Settings
from leakcheck.model.answers import Failure, ScenarioInfo, SkippedRequest
from leakcheck.model.errors import LeakcheckError, NothingMeasured, StoreError, UsageError
from leakcheck.model.failure import WorkerFailed, internal_trouble
from leakcheck.model.files import read_file
from leakcheck.model.protocol import OptionValue, Pass, PassRequest
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.runner.answer_decoding import descriptions_in, environment_in, part, seconds_in
from leakcheck.runner.warm_worker import WarmWorker, file_of
from leakcheck.runner.worker_limits import WorkerLimits
from leakcheck.runner.worker_process import WorkerProcess
from leakcheck.scenario import Target, replaced

_NO_SCENARIO = "no function under @scenario; mark one, or name any callable as package.module:callable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """The scenarios to measure, and a result for each file that could not be read."""

    scenarios: tuple[ScenarioInfo, ...]
    failed: tuple[Result, ...]
    environment: Mapping[str, Any] | None
    whole: tuple[str, ...] = ()
    """The ids of all scenarios that the targets hold, those that `-k` leaves out included."""
    left_out: tuple[SkippedRequest, ...] = ()
    """Requests of a whole site that are not replayed."""


def surroundings_of(
    settings: Settings, timeout_seconds: float | None = None, stop: Event | None = None
) -> WorkerLimits:
    """Return where and within which limits a measured process is to run."""
    return WorkerLimits(
        python=settings.python or sys.executable,
        timeout_seconds=timeout_seconds or settings.timeout_seconds,
        memory_limit_bytes=settings.memory_limit_bytes,
        stop=stop or Event(),
    )


def find(
    targets: Sequence[Target],
    settings: Settings,
    *,
    matches: Callable[[str], bool] = lambda name: True,
    options: Mapping[str, OptionValue] | None = None,
    shared_folder: Path | None = None,
    waiting: WarmWorker | None = None,
) -> Collection:
    """Return what the targets hold; the process that described the first file with something to measure waits.

    Raises NothingMeasured where they hold nothing to measure or to report.
    """
    scenarios: dict[tuple[str, str | None], ScenarioInfo] = {}
    nothing = Failure(kind="nothing", message=_NO_SCENARIO)
    failed = [_failed(empty, nothing, settings) for empty in targets if not _files_of(empty)]
    environment: Mapping[str, Any] | None = None
    left_out: list[SkippedRequest] = []
    for target in [file for named in targets for file in _files_of(named)]:
        whole = file_of(target)
        try:
            with ExitStack() as stack:
                worker = stack.enter_context(
                    WorkerProcess(_plan(whole, options or {}, shared_folder), surroundings_of(settings))
                )
                environment = environment_in(worker.start())
                answer = _description(worker)
                not_replayed = part(answer, "left_out", list[SkippedRequest])
                left_out += not_replayed
                named = _named(target, descriptions_in(answer), not_replayed)
                if waiting is not None and waiting.wants(whole) and any(matches(one.id) for one in named):
                    stack.pop_all()
                    waiting.keep(worker, whole)
        except WorkerFailed as error:
            failed.append(_failed(whole, error.trouble, settings))
            continue
        except NothingMeasured as error:
            failed.append(_failed(target, Failure(kind="nothing", message=str(error)), settings))
            continue
        except LeakcheckError:
            raise
        except Exception as error:  # whatever we did not think of costs one file
            failed.append(_failed(whole, internal_trouble(error), settings))
            continue
        for scenario in named:
            scenarios.setdefault((scenario.target, scenario.variant), scenario)
    picked = tuple(scenario for scenario in scenarios.values() if matches(scenario.id))
    if not picked and all(one.trouble is not None and one.trouble.kind == "nothing" for one in failed):
        said = "; ".join(f"{one.id}: {one.trouble.message}" for one in failed if one.trouble is not None)
        raise NothingMeasured(said or f"-k picks none of {', '.join(one.id for one in scenarios.values())}")
    _check_options(picked, options or {})
    ids = tuple(scenario.id for scenario in scenarios.values())
    return Collection(
        scenarios=picked, failed=tuple(failed), environment=environment, whole=ids, left_out=tuple(left_out)
    )


def _description(worker: WorkerProcess) -> Mapping[str, Any]:
    """Return what is described, however long a site takes for it."""
    answer = worker.listen(during="import")
    while answer["kind"] == "doing":
        answer = worker.listen(during=part(answer, "doing", str), extra_seconds=seconds_in(answer, "extra_seconds"))
    return answer


def _plan(whole: Target, options: Mapping[str, OptionValue], shared_folder: Path | None) -> PassRequest:
    """Return what a describing process is told; what a site is asked depends on the options of its growth."""
    marked, prefix = {name: value for name, value in options.items() if "." not in name}, f"{Pass.GROWTH.value}."
    marked |= {name.removeprefix(prefix): value for name, value in options.items() if name.startswith(prefix)}
    return PassRequest(
        work=Pass.DESCRIBE,
        target=str(whole),
        options=marked if whole.kind == "site" else {},
        shared_folder=None if shared_folder is None else str(shared_folder),
    )


def _files_of(target: Target) -> list[Target]:
    if target.path is None or target.path.is_file():
        return [target]
    return [Target(path=path) for path in scenario_files(target.path)]


def _named(target: Target, described: Sequence[ScenarioInfo], left_out: Sequence[SkippedRequest]) -> list[ScenarioInfo]:
    """Return the scenarios that a target names: all of its file, one, or one variant of one."""
    if not described:
        raise NothingMeasured(_no_url(left_out) if target.kind == "site" else _NO_SCENARIO)
    if target.path is None or target.name is None:
        return list(described)
    named = [one for one in described if one.name == target.name]
    if not named:
        there = ", ".join(dict.fromkeys(one.name for one in described)) or "none at all"
        raise NothingMeasured(f"there is no scenario {target.name!r}; the file holds {there}")
    chosen = [one for one in named if target.variant in (None, one.variant)]
    if not chosen:
        there = ", ".join(str(one.variant) for one in named)
        raise NothingMeasured(f"there is no variant {target.variant!r}; it has {there}")
    return chosen


def _no_url(left_out: Sequence[SkippedRequest]) -> str:
    """Return why no URL of a site is replayed: how many were left out, reason by reason."""
    reasons = Counter(one.reason for one in left_out)
    said = "; ".join(f"{count} of them: {reason}" for reason, count in reasons.items())
    return f"none of its {len(left_out)} URLs is replayed ({said})" if said else "there is no URL to replay"


def _check_options(scenarios: Sequence[ScenarioInfo], options: Mapping[str, OptionValue]) -> None:
    for option in options:
        which, _, name = option.rpartition(".")
        if which not in ("", Pass.GROWTH, Pass.PEAK, Pass.LIMIT):
            raise UsageError(
                f"-o {option}: there is no pass {which!r}; write growth.{name}, peak.{name} or limit.{name}"
            )
        known = {known for one in scenarios for known in one.option_names or ()}
        if name not in known and not any(one.option_names is None for one in scenarios) and scenarios:
            said = "--database" if option == "database" else f"-o {option}"
            there = f"the options here are {', '.join(sorted(known))}" if known else "nothing here takes an option"
            raise UsageError(f"{said}: there is no such option; {there}")


def _failed(target: Target, trouble: Failure, settings: Settings) -> Result:
    name = replaced(str(target))
    nameless = ScenarioInfo(target=name, name=name)
    return Result(
        scenario=name,
        variant=None,
        target=name,
        verdict=Verdict.INCONCLUSIVE,
        gate=Gate.ERROR,
        failures=(),
        budget=settings.budget(nameless),
        trouble=trouble,
    )


_NEVER_ENTERED = frozenset({"__pycache__", "node_modules", "site-packages"})
_DECORATOR = "scenario"
_LARGEST_FILE_BYTES = 16 * 1024 * 1024


def scenario_files(folder: Path) -> list[Path]:
    """Return the Python files below `folder` that define a function under `@scenario`, sorted.

    A file that names leakcheck and does not parse is returned too: its error is then reported when
    it is imported, instead of its scenarios missing in silence.
    """
    return sorted(path for path in _python_files(folder) if _holds_scenario(path))


def _python_files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        here = Path(parent)
        folders[:] = [
            name
            for name in folders
            if name not in _NEVER_ENTERED and not name.startswith(".") and not (here / name / "pyvenv.cfg").exists()
        ]
        yield from (here / name for name in names if name.endswith(".py"))


def _holds_scenario(path: Path) -> bool:
    try:
        # a link may lead to a file elsewhere, and never to a pipe or a device: what it leads to is run, and not told
        text = read_file(path, most_bytes=_LARGEST_FILE_BYTES, what="file of scenarios may be", follows_links=True)
    except StoreError:
        return False
    if _DECORATOR.encode() not in text:
        return False
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return b"leakcheck" in text
    return any(
        _is_mark(decorator)
        for statement in tree.body
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef)
        for decorator in statement.decorator_list
    )


def _is_mark(decorator: ast.expr) -> bool:
    named = decorator.func if isinstance(decorator, ast.Call) else decorator
    return getattr(named, "id", None) == _DECORATOR or getattr(named, "attr", None) == _DECORATOR
