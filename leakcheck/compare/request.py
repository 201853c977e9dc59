"""Run `leakcheck compare`: two runs, two variants of a run or of targets, or two revisions."""

import hashlib
import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from leakcheck.compare import revisions, sides
from leakcheck.compare.environments import lock_of, python_of
from leakcheck.compare.sides import SideSource, Watch
from leakcheck.config.expressions import parse_expression
from leakcheck.config.settings import Settings, resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.config.values import parse_options
from leakcheck.model.comparison import Comparison
from leakcheck.model.errors import UsageError
from leakcheck.model.explanation import Explain
from leakcheck.runner.collect import collect, scenario_files
from leakcheck.runner.session import RunRequest
from leakcheck.scenario import parse_target
from leakcheck.storage import run_file
from leakcheck.storage.document import write_atomically

_GRAMMAR = "write two runs, `RUN --variants A B`, `TARGET --variants A B`, or `A..B TARGET`"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest:
    """The arguments of `leakcheck compare`."""

    arguments: tuple[str, ...]
    """Runs, targets or revisions."""
    variants: tuple[str, str] | None
    expression: str | None
    options: tuple[str, ...]
    rounds: int
    setup: str | None
    python: str | None
    pythons: tuple[str | None, str | None]
    """Interpreters of the older and the newer revision."""
    executor: str | None
    change: str | None
    """The tolerance; None for that of the settings."""
    fresh: bool
    """Measure again even if a revision has been measured before."""
    output: str | None
    started: datetime


def run_comparison(request: CompareRequest, watch: Watch) -> Comparison:
    """Return the comparison. Raises UsageError for arguments of another form, and any LeakcheckError of measuring."""
    first, *rest = request.arguments
    if revisions.is_range(first):
        return _revisions(request, first, rest, watch)
    if request.variants is not None:
        if request.variants[0] == request.variants[1]:
            raise UsageError(f"--variants {' '.join(request.variants)}: name two different variants of a scenario")
        if len(request.arguments) == 1 and _is_run(first):
            return sides.compare_variants(run_file.load(Path(first)), *request.variants, _settings(request).change)
        return _variants(request, request.arguments, request.variants, watch)
    if len(request.arguments) == 2 and all(map(_is_run, request.arguments)):
        before, after = (run_file.load(Path(text)) for text in request.arguments)
        labels = (request.arguments[0], request.arguments[1])
        return sides.compare_runs(before, after, labels, _settings(request).change)
    missing = [text for text in request.arguments if not Path(text).exists()]
    if missing:
        raise UsageError(f"{missing[0]}: there is no such run, and no such revisions; {_GRAMMAR}")
    raise UsageError(f"{' '.join(request.arguments)}: {_GRAMMAR}")


def _is_run(text: str) -> bool:
    path = Path(text)
    return (path.is_file() and path.suffix == ".json") or (path / run_file.DOCUMENT).is_file()


def _settings(request: CompareRequest) -> Settings:
    return resolve(
        SettingsLayer(python=request.python, output=request.output, executor=request.executor, change=request.change)
    )


def _arguments(request: CompareRequest) -> list[str]:
    arguments = [part for option in request.options for part in ("-o", option)]
    if request.expression is not None:
        arguments += ["-k", request.expression]
    return arguments + (["--setup", request.setup] if request.setup is not None else [])


def _variants(request: CompareRequest, texts: Sequence[str], names: tuple[str, str], watch: Watch) -> Comparison:
    """Measure two variants of each scenario of the targets, in turn."""
    settings = _settings(request)
    matches = parse_expression(request.expression) if request.expression is not None else lambda name: True
    targets = [parse_target(text) for text in texts]
    scenarios = collect(targets, settings, matches=matches, options=parse_options(list(request.options))).scenarios
    by_variant = {name: [scenario for scenario in scenarios if scenario.variant == name] for name in names}
    for name in names:
        if not by_variant[name]:
            variants = ", ".join(dict.fromkeys(scenario.variant for scenario in scenarios if scenario.variant))
            raise UsageError(f"there is no variant {name!r}; the variants are {variants or 'none'}")
    before, after = (
        SideSource(
            label=name,
            folder=Path.cwd(),
            targets=tuple(f"{scenario.target}[{name}]" for scenario in by_variant[name]),
            python=request.python,
        )
        for name in names
    )
    # without -k: the expression has already selected the targets
    arguments = _arguments(replace(request, expression=None))
    return _measure(request, settings, before, after, arguments, watch, by_variant=True)


def _revisions(request: CompareRequest, text: str, targets: Sequence[str], watch: Watch) -> Comparison:
    """Check out both revisions, copy the scenarios of the newer one to the older, and measure both in turn."""
    if not targets:
        raise UsageError(f"{text}: say what to measure, for example `leakcheck compare {text} scenarios`")
    settings = _settings(request)
    older, newer = revisions.two_revisions(text)
    watch(f"checking out {older.name} and {newer.name}")
    with revisions.checked_out(older) as old, revisions.checked_out(newer) as new:
        files = [file for target in targets for file in _scenario_files(new, target)]
        copied = revisions.copy_scenarios(files, new, old)
        scenario_digest = hashlib.sha256(b"".join((new / path).read_bytes() for path in copied)).hexdigest()
        sources = []
        for revision, folder, explicit in ((older, old, request.pythons[0]), (newer, new, request.pythons[1])):
            python = explicit or python_of(folder, new, newer.place, request.python)
            content = repr((revision.commit, scenario_digest, lock_of(folder), python, tuple(targets)))
            sources.append(
                SideSource(
                    label=revision.name if older.name != newer.name else revision.commit[:9],
                    folder=folder,
                    targets=tuple(targets),
                    python=python,
                    commit=revision.commit,
                    content="" if request.fresh else content,
                )
            )
        return _measure(request, settings, sources[0], sources[1], _arguments(request), watch, cache=newer.place)


def _scenario_files(folder: Path, text: str) -> list[Path]:
    """Return the scenario files of a target in the newer revision; the older one may lack them."""
    if ".py" not in text and ":" in text:
        return []
    path = Path(text.partition("::")[0])
    if path.is_absolute() or ".." in path.parts:
        raise UsageError(f"{text}: a target of two revisions is a path below the current folder")
    full_path = folder / path
    if not full_path.exists():
        raise UsageError(f"{path}: the newer revision has no such file or folder; commit it first")
    return scenario_files(full_path) if full_path.is_dir() else [full_path]


def _request_for(request: CompareRequest, side: SideSource) -> RunRequest:
    """Return the run request of a side; called in its folder."""
    python = None if side.python == sys.executable else side.python  # on a cluster's worker that path may differ
    return RunRequest(
        targets=[parse_target(text) for text in side.targets],
        settings=resolve(SettingsLayer(python=python, explain=Explain.NEVER)),
        matches=parse_expression(request.expression) if request.expression is not None else lambda name: True,
        options=parse_options(list(request.options)),
        setup=request.setup,
    )


def _measure(
    request: CompareRequest,
    settings: Settings,
    before: SideSource,
    after: SideSource,
    arguments: Sequence[str],
    watch: Watch,
    *,
    cache: Path | None = None,
    by_variant: bool = False,
) -> Comparison:
    folder = run_file.make_run_folder(settings.output, request.started)
    rounds: sides.Rounds
    if settings.cluster is not None:
        # imported by name, as executors are, because a cluster is rarely used
        dask = importlib.import_module("leakcheck.compare.dask")
        rounds = dask.measure_on_cluster(
            before,
            after,
            rounds=request.rounds,
            cluster=settings.cluster,
            request_for=partial(_request_for, request),
            output=folder.resolve(),
            watch=watch,
            by_variant=by_variant,
        )
    else:
        rounds = sides.measure_sides(
            before,
            after,
            rounds=request.rounds,
            arguments=arguments,
            cache=None if cache is None else cache / "compare",
            output=folder.resolve(),
            watch=watch,
        )
    comparison = sides.compare_rounds(before, after, rounds, settings.change, by_variant=by_variant)
    write_atomically(folder / "compare.json", run_file.encode_comparison(comparison))
    return comparison
