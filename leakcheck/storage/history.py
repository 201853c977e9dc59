"""The history: the figures of all saved runs, read from their documents."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from leakcheck.model.document_text import Moment, Name
from leakcheck.model.errors import StoreError
from leakcheck.model.history import HistoryEntry
from leakcheck.model.plain_text import escape_control
from leakcheck.model.protocol import OptionValue, scenario_id
from leakcheck.model.result import Growth, Latency
from leakcheck.model.run import Environment
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.storage import run_file


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFigures:
    """The fields of a `Result` that an entry is made of.

    The others, readings and stacks above all, are most of a document, and are skipped when it is decoded.
    """

    scenario: Name
    variant: Name | None
    verdict: Verdict
    gate: Gate
    growth: Growth | None = None
    peak_bytes: int | None = None
    latency_seconds: Latency | None = None
    growth_options: Mapping[str, OptionValue] = field(default_factory=dict)
    peak_options: Mapping[str, OptionValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFigures:
    """The fields of a `Run` that entries are made of."""

    schema: Name
    started: Moment
    environment: Environment | None
    results: tuple[ResultFigures, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The entries of all documents, oldest run first."""

    records: tuple[HistoryEntry, ...]
    skipped: tuple[str, ...]
    """The error for each document that could not be read."""


def find_documents(folder: Path) -> list[Path]:
    """Return the run documents in a folder of runs, sorted. Those further below belong to comparisons."""
    # a link to the folder of another run would count that run twice
    return sorted(
        path
        for pattern in (run_file.DOCUMENT, f"*/{run_file.DOCUMENT}")
        for path in folder.glob(pattern)
        if not path.is_dir() and (path.parent == folder or not path.parent.is_symlink())
    )


def load_history(documents: Iterable[Path]) -> History:
    """Return the entries of the documents. What is wrong with one of them costs that one alone."""
    records: list[HistoryEntry] = []
    skipped = []
    for document in documents:
        try:
            records += _entries(run_file.load_as(document, RunFigures), escape_control(str(document.absolute())))
        except StoreError as error:
            skipped.append(str(error))
        except (ValueError, OverflowError, OSError) as error:
            skipped.append(f"{document}: is not a run of a known time ({error})")
    # runs of the same second are numbered (-2, -10): the shorter name is the earlier run, then the smaller number
    records.sort(key=lambda record: (record.started_seconds, len(record.document), record.document))
    return History(records=tuple(records), skipped=tuple(skipped))


def _entries(run: RunFigures, document: str) -> Iterator[HistoryEntry]:
    """Yield an entry for each result. Raises ValueError, OverflowError or OSError for an invalid starting time."""
    started = datetime.fromisoformat(run.started).timestamp()
    environment = run.environment
    key = "unknown" if environment is None else environment.key
    for result in run.results:
        growth, latency = result.growth, result.latency_seconds
        yield HistoryEntry(
            document=document,
            started=run.started,
            started_seconds=started,
            environment=key,
            git_commit=None if environment is None else environment.git_commit,
            git_dirty=None if environment is None else environment.git_dirty,
            scenario=scenario_id(result.scenario, result.variant),
            options=_options(result),
            verdict=result.verdict,
            gate=result.gate,
            meter=None if growth is None else growth.meter.value,
            growth=None if growth is None else growth.figure,
            peak_bytes=result.peak_bytes,
            p50_seconds=None if latency is None else latency.p50,
        )


def _options(result: ResultFigures) -> str:
    def words(options: Mapping[str, OptionValue], prefix: str) -> list[str]:
        return [f"{prefix}{name}={json.dumps(value)}" for name, value in sorted(options.items())]

    same = result.growth_options == result.peak_options
    return ", ".join(words(result.growth_options, "") + ([] if same else words(result.peak_options, "peak.")))
