"""Collection: which scenarios the targets hold, asked of the interpreter that will measure them, file by file.

The parent never imports the user's code. A file that cannot be imported, or crashes the interpreter, becomes a failed
result, and the others are still measured.
"""

import ast
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from leakcheck.config.expressions import Matches
from leakcheck.config.settings import Settings
from leakcheck.model.answers import ScenarioInfo, SkippedRequest
from leakcheck.model.errors import LeakcheckError, NothingMeasured, StoreError, UsageError
from leakcheck.model.failure import Failure, FailureKind, WorkerFailed, internal_failure, unusable_python
from leakcheck.model.files import read_file
from leakcheck.model.protocol import OptionValue, Pass, PassRequest
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.runner.answer_decoding import decode_environment, decode_field, decode_scenarios, decode_seconds
from leakcheck.runner.worker_process import WorkerProcess, worker_limits_of
from leakcheck.scenario import Target, parse_target, replace_surrogates

_NO_SCENARIO = "no function is decorated with @scenario; decorate one, or name any callable as package.module:callable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """The scenarios to measure, and a result for each file that could not be read."""

    scenarios: tuple[ScenarioInfo, ...]
    failed: tuple[Result, ...]
    environment: Mapping[str, Any] | None
    all_ids: tuple[str, ...] = ()
    """The ids of all scenarios that the targets hold, including those that `-k` deselects."""
    skipped: tuple[SkippedRequest, ...] = ()
    """Requests that were skipped when all URLs of a site were collected."""


def file_of(target: Target) -> Target:
    """Return the target that is collected for this one: its whole file, or the target itself."""
    return Target(path=target.path) if target.path is not None else target


class WarmWorker:
    """Keeps the process that collected the first file, to measure that file's first scenario.

    What it has imported (a project, its libraries) is not imported a second time, which would take longer than the
    calls of a quiet scenario. Use it as a context manager: leaving ends the process that still waits.
    """

    def __init__(self) -> None:
        self._worker: WorkerProcess | None = None
        self._file: Target | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        worker = self._release()
        if worker is not None:
            worker.end()

    def wants(self, file: Target) -> bool:
        """Return whether to keep the process that collected a file: the first, and no site, which is open by then."""
        return self._file is None and file.kind != "site"

    def keep(self, worker: WorkerProcess, file: Target) -> None:
        """Keep a process that has collected a file, and done nothing else."""
        self._worker, self._file = worker, file

    def take_for(self, request: PassRequest) -> WorkerProcess | None:
        """Return the process for the first growth pass of a run, or None; one that cannot make it is ended.

        Where a set-up is to run before the import, the process has imported too early.
        """
        worker = self._release()
        if worker is not None and (request.setup is not None or file_of(parse_target(request.target)) != self._file):
            worker.end()
            return None
        return worker

    def _release(self) -> WorkerProcess | None:
        worker, self._worker = self._worker, None
        return worker


def collect(
    targets: Sequence[Target],
    settings: Settings,
    *,
    matches: Matches = lambda name: True,
    options: Mapping[str, OptionValue] | None = None,
    shared_folder: Path | None = None,
    warm_worker: WarmWorker | None = None,
) -> Collection:
    """Return what the targets hold. `warm_worker` keeps the process that collected the first file to be measured.

    Raises NothingMeasured where there is nothing to measure and no failure to report, and UsageError for an option that
    no scenario takes.
    """
    scenarios: dict[tuple[str, str | None], ScenarioInfo] = {}
    nothing = Failure(kind=FailureKind.NOTHING, message=_NO_SCENARIO)
    failed = [_failed(target, nothing, settings) for target in targets if not _files_of(target)]
    environment: Mapping[str, Any] | None = None
    skipped: list[SkippedRequest] = []
    for target in [file_target for named in targets for file_target in _files_of(named)]:
        file = file_of(target)
        try:
            with ExitStack() as stack:
                worker = stack.enter_context(
                    WorkerProcess(_request(file, options or {}, shared_folder), worker_limits_of(settings))
                )
                environment = decode_environment(worker.start())
                answer = _description(worker)
                skipped_here = decode_field(answer, "skipped", list[SkippedRequest])
                skipped += skipped_here
                selected = _selected(target, decode_scenarios(answer), skipped_here)
                is_measured = any(matches(scenario.id) for scenario in selected)
                if warm_worker is not None and warm_worker.wants(file) and is_measured:
                    stack.pop_all()
                    warm_worker.keep(worker, file)
        except WorkerFailed as error:
            # no environment: it ended before any of the user's code ran
            if environment is None and settings.python is not None and error.failure.kind is FailureKind.DIED:
                raise unusable_python(settings.python, error.failure) from error
            failed.append(_failed(file, error.failure, settings))
            continue
        except NothingMeasured as error:
            failed.append(_failed(target, Failure(kind=FailureKind.NOTHING, message=str(error)), settings))
            continue
        except LeakcheckError:
            raise
        except Exception as error:  # a bug of leakcheck costs one file
            failed.append(_failed(file, internal_failure(error), settings))
            continue
        for scenario in selected:
            scenarios.setdefault((scenario.target, scenario.variant), scenario)
    picked = tuple(scenario for scenario in scenarios.values() if matches(scenario.id))
    ids = tuple(scenario.id for scenario in scenarios.values())
    failures = [(result.id, result.failure) for result in failed if result.failure is not None]
    if not picked and all(failure.kind is FailureKind.NOTHING for _, failure in failures):
        reasons = "; ".join(f"{name}: {failure.message}" for name, failure in failures)
        count = f"{len(ids)} scenario{'s'[: len(ids) != 1]}"
        raise NothingMeasured(reasons or f"-k matched none of {count} ({', '.join(ids)})")
    _check_options(picked, options or {})
    return Collection(
        scenarios=picked, failed=tuple(failed), environment=environment, all_ids=ids, skipped=tuple(skipped)
    )


def _description(worker: WorkerProcess) -> Mapping[str, Any]:
    """Return the answer that describes the scenarios; a site that takes long reports what it is doing first."""
    answer = worker.listen(during="import")
    while answer["kind"] == "doing":
        answer = worker.listen(
            during=decode_field(answer, "doing", str), extra_seconds=decode_seconds(answer, "extra_seconds")
        )
    return answer


def _request(file: Target, options: Mapping[str, OptionValue], shared_folder: Path | None) -> PassRequest:
    """Return the request to describe a file; which URLs a site has depends on the options of the growth pass."""
    prefix = f"{Pass.GROWTH.value}."
    growth_options = {name: value for name, value in options.items() if "." not in name}
    growth_options |= {name.removeprefix(prefix): value for name, value in options.items() if name.startswith(prefix)}
    return PassRequest(
        kind=Pass.COLLECT,
        target=str(file),
        options=growth_options if file.kind == "site" else {},
        shared_folder=None if shared_folder is None else str(shared_folder),
    )


def _files_of(target: Target) -> list[Target]:
    if target.path is None or target.path.is_file():
        return [target]
    return [Target(path=path) for path in scenario_files(target.path)]


def _selected(
    target: Target, scenarios: Sequence[ScenarioInfo], skipped: Sequence[SkippedRequest]
) -> list[ScenarioInfo]:
    """Return the scenarios of a file that the target selects: all, one, or one variant of one."""
    if not scenarios:
        raise NothingMeasured(_no_url(skipped) if target.kind == "site" else _NO_SCENARIO)
    if target.path is None or target.name is None:
        return list(scenarios)
    variants = [scenario for scenario in scenarios if scenario.name == target.name]
    if not variants:
        available = ", ".join(dict.fromkeys(scenario.name for scenario in scenarios))
        raise NothingMeasured(f"there is no scenario {target.name!r}; available: {available}")
    selected = [scenario for scenario in variants if target.variant in (None, scenario.variant)]
    if not selected:
        available = ", ".join(scenario.variant for scenario in variants if scenario.variant is not None)
        remedy = f"available: {available}" if available else f"{target.name} has no variants"
        raise NothingMeasured(f"there is no variant {target.variant!r}; {remedy}")
    return selected


def _no_url(skipped: Sequence[SkippedRequest]) -> str:
    """Return why no URL of a site is replayed: how many were skipped for each reason."""
    reasons = Counter(request.reason for request in skipped)
    counts = "; ".join(f"{count}: {reason}" for reason, count in reasons.items())
    return f"all of its {len(skipped)} URLs are skipped ({counts})" if counts else "the site has no URL to replay"


def _check_options(scenarios: Sequence[ScenarioInfo], options: Mapping[str, OptionValue]) -> None:
    for option in options:
        pass_name, _, name = option.rpartition(".")
        if pass_name not in ("", Pass.GROWTH, Pass.PEAK, Pass.LIMIT):
            raise UsageError(
                f"-o {option}: there is no pass {pass_name!r}; write growth.{name}, peak.{name} or limit.{name}"
            )
        known = {known for scenario in scenarios for known in scenario.option_names or ()}
        if name not in known and not any(scenario.option_names is None for scenario in scenarios) and scenarios:
            flag = "--database" if option == "database" else f"-o {option}"
            options_here = f"available: {', '.join(sorted(known))}" if known else "no scenario here takes any"
            raise UsageError(f"{flag}: there is no such option; {options_here}")


def _failed(target: Target, failure: Failure, settings: Settings) -> Result:
    name = replace_surrogates(str(target))
    scenario = ScenarioInfo(target=name, name=name)
    return Result(
        scenario=name,
        variant=None,
        target=name,
        verdict=Verdict.INCONCLUSIVE,
        gate=Gate.ERROR,
        over_budget=(),
        budget=settings.budget(scenario),
        failure=failure,
    )


_NEVER_ENTERED = frozenset({"__pycache__", "node_modules", "site-packages"})
_DECORATOR = "scenario"
_LARGEST_FILE_BYTES = 16 * 1024 * 1024


def scenario_files(folder: Path) -> list[Path]:
    """Return the Python files below `folder` that define a function under `@scenario`, sorted.

    A file that names leakcheck and does not parse is returned too: the import then reports its error, and its scenarios
    are not missed in silence.
    """
    return sorted(path for path in _python_files(folder) if _holds_scenario(path))


def _python_files(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folder_path = Path(parent)
        folders[:] = [
            name
            for name in folders
            if name not in _NEVER_ENTERED
            and not name.startswith(".")
            and not (folder_path / name / "pyvenv.cfg").exists()
        ]
        yield from (folder_path / name for name in names if name.endswith(".py"))


def _holds_scenario(path: Path) -> bool:
    try:
        # a link may lead to a file elsewhere, but not to a pipe or a device: the file is run, and never shown
        text = read_file(path, most_bytes=_LARGEST_FILE_BYTES, what="file of scenarios", follows_links=True)
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
