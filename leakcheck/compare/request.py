"""What the words after `leakcheck compare` mean: two runs, a run's variants, a target's, or two revisions."""

import hashlib
import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from leakcheck.compare import revisions
from leakcheck.compare import sides as compare
from leakcheck.compare.environments import lock_of, python_of
from leakcheck.compare.sides import SideSource
from leakcheck.config.expressions import parse_expression
from leakcheck.config.settings import Settings, resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.config.values import parse_options
from leakcheck.model.comparison import Comparison
from leakcheck.model.errors import UsageError
from leakcheck.model.explanation import Explain
from leakcheck.runner.collect import find, scenario_files
from leakcheck.runner.session import RunRequest
from leakcheck.scenario import parse_target
from leakcheck.storage import atomic, run_file

Watch = Callable[[str], None]
_GRAMMAR = "write two runs, `RUN --variants A B`, `TARGET --variants A B`, or `A..B TARGET`"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareRequest:
    """What was asked for."""

    things: tuple[str, ...]
    variants: tuple[str, str] | None
    expression: str | None
    options: tuple[str, ...]
    rounds: int
    setup: str | None
    python: str | None
    pythons: tuple[str | None, str | None]
    executor: str | None
    fresh: bool
    output: str | None
    began: datetime


def compared(wanted: CompareRequest, watch: Watch) -> Comparison:
    """Return the comparison. Raises UsageError for words that name none, and whatever measuring raises."""
    first, *rest = wanted.things
    if revisions.is_range(first):
        return _revisions(wanted, first, rest, watch)
    if wanted.variants is not None:
        if len(wanted.things) == 1 and _is_run(first):
            return compare.compare_variants(run_file.load(Path(first)), *wanted.variants)
        return _variants(wanted, wanted.things, wanted.variants, watch)
    if len(wanted.things) == 2 and all(map(_is_run, wanted.things)):
        before, after = (run_file.load(Path(text)) for text in wanted.things)
        return compare.compare_runs(before, after, (wanted.things[0], wanted.things[1]))
    missing = [text for text in wanted.things if not Path(text).exists()]
    if missing:
        raise UsageError(f"{missing[0]}: there is no such run, and no such revisions; {_GRAMMAR}")
    raise UsageError(f"{' '.join(wanted.things)}: {_GRAMMAR}")


def _is_run(text: str) -> bool:
    path = Path(text)
    return (path.is_file() and path.suffix == ".json") or (path / run_file.DOCUMENT).is_file()


def _settings(wanted: CompareRequest) -> Settings:
    return resolve(SettingsLayer(python=wanted.python, output=wanted.output, executor=wanted.executor))


def _arguments(wanted: CompareRequest) -> list[str]:
    arguments = [part for option in wanted.options for part in ("-o", option)]
    if wanted.expression is not None:
        arguments += ["-k", wanted.expression]
    return arguments + (["--setup", wanted.setup] if wanted.setup is not None else [])


def _variants(wanted: CompareRequest, texts: Sequence[str], names: tuple[str, str], watch: Watch) -> Comparison:
    """Measure two variants of each scenario of the targets, in turn."""
    settings = _settings(wanted)
    matches = parse_expression(wanted.expression) if wanted.expression is not None else lambda name: True
    targets = [parse_target(text) for text in texts]
    found = find(targets, settings, matches=matches, options=parse_options(list(wanted.options)))
    picked = {name: [one for one in found.scenarios if one.variant == name] for name in names}
    for name, scenarios in picked.items():
        if not scenarios:
            there = ", ".join(dict.fromkeys(str(one.variant) for one in found.scenarios if one.variant)) or "none"
            raise UsageError(f"there is no variant {name!r}; the variants are {there}")
    here = Path.cwd()
    before, after = (
        SideSource(
            label=name,
            folder=here,
            targets=tuple(f"{one.target}[{name}]" for one in picked[name]),
            python=wanted.python,
        )
        for name in names
    )
    arguments = [part for option in wanted.options for part in ("-o", option)]
    arguments += ["--setup", wanted.setup] if wanted.setup is not None else []
    return _measured(wanted, settings, before, after, arguments, watch, by_variant=True)


def _revisions(wanted: CompareRequest, text: str, targets: Sequence[str], watch: Watch) -> Comparison:
    """Check both revisions out, give them the newer one's scenarios, and measure them in turn."""
    if not targets:
        raise UsageError(f"{text}: say what to measure, for example `leakcheck compare {text} scenarios`")
    settings = _settings(wanted)
    older, newer = revisions.two_revisions(text)
    watch(f"checking out {older.name} and {newer.name}")
    with revisions.checked_out(older) as old, revisions.checked_out(newer) as new:
        files = [file for one in targets for file in _scenario_files(new, one)]
        lent = revisions.lend_scenarios(files, new, old)
        harness = hashlib.sha256(b"".join((new / path).read_bytes() for path in lent)).hexdigest()
        sides = []
        for revision, folder, given in ((older, old, wanted.pythons[0]), (newer, new, wanted.pythons[1])):
            python = given or python_of(folder, new, newer.place, wanted.python)
            content = repr((revision.commit, harness, lock_of(folder), python, tuple(targets)))
            sides.append(
                SideSource(
                    label=revision.name if older.name != newer.name else revision.commit[:9],
                    folder=folder,
                    targets=tuple(targets),
                    python=python,
                    commit=revision.commit,
                    content="" if wanted.fresh else content,
                )
            )
        return _measured(wanted, settings, sides[0], sides[1], _arguments(wanted), watch, kept=newer.place)


def _scenario_files(folder: Path, text: str) -> list[Path]:
    """Return the files that hold the scenarios of a target, which may be in the newer revision alone."""
    if ".py" not in text and ":" in text:
        return []
    path = Path(text.partition("::")[0])
    if path.is_absolute() or ".." in path.parts:
        raise UsageError(f"{text}: a target of two revisions is a path below the current folder")
    named = folder / path
    if not named.exists():
        raise UsageError(f"{path}: the newer revision has no such file or folder; commit it first")
    return scenario_files(named) if named.is_dir() else [named]


def _request_for(wanted: CompareRequest, side: SideSource) -> RunRequest:
    """Return what is measured of a side; called in its folder."""
    named = None if side.python == sys.executable else side.python  # on a worker that one may lie elsewhere
    return RunRequest(
        targets=[parse_target(text) for text in side.targets],
        settings=resolve(SettingsLayer(python=named, explain=Explain.NEVER)),
        matches=parse_expression(wanted.expression) if wanted.expression is not None else lambda name: True,
        options=parse_options(list(wanted.options)),
        setup=wanted.setup,
    )


def _measured(
    wanted: CompareRequest,
    settings: Settings,
    before: SideSource,
    after: SideSource,
    arguments: Sequence[str],
    watch: Watch,
    *,
    kept: Path | None = None,
    by_variant: bool = False,
) -> Comparison:
    folder = run_file.make_run_folder(settings.output, wanted.began)
    if settings.cluster is not None:
        # by name, as an executor is: a cluster is rarely meant
        on_cluster = importlib.import_module("leakcheck.compare.dask")
        comparison: Comparison = on_cluster.compare_on_cluster(
            before,
            after,
            rounds=wanted.rounds,
            cluster=settings.cluster,
            request_for=partial(_request_for, wanted),
            output=folder.resolve(),
            watch=watch,
            by_variant=by_variant,
        )
    else:
        comparison = compare.compare_sides(
            before,
            after,
            rounds=wanted.rounds,
            arguments=arguments,
            kept=None if kept is None else kept / "compare",
            output=folder.resolve(),
            watch=watch,
            by_variant=by_variant,
        )
    atomic.write_atomically(folder / "compare.json", run_file.encode_comparison(comparison))
    return comparison
