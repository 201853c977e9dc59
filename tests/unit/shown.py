"""A hand-built run with all that a report can show, and the same run with other people's text in it."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, cast

from leakcheck.analysis.explain.stack_tree import build_stack_tree
from leakcheck.model.answers import Readings, StatusCount
from leakcheck.model.baseline import BaselineChange
from leakcheck.model.explanation import (
    Explanation,
    KnownLeak,
    Link,
    NamedCount,
    PeakSite,
    Resource,
    ResourceKind,
    RetentionPath,
    StackBytes,
    TracerName,
)
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Budget, Latency, Result
from leakcheck.model.run import Run, Shard
from leakcheck.model.stacks import Frame, FrameKind, StackTree
from leakcheck.model.verdict import Gate, Verdict
from tests.unit.causes import SENT, SENT_PATH, SITE
from tests.unit.runs import BOUNDED, BROKEN, CLEAN, LEAK, MIB, NAIVE, UNSURE, growth, run_of

VIEW = Frame(
    function="deliver",
    file="scenarios/newsletter/views.py",
    line=41,
    kind=FrameKind.OWN,
    source="SENT.append(subscribers)",
)
FETCH = Frame(
    function="_fetch_all", file="django/db/models/query.py", line=1954, kind=FrameKind.LIBRARY, source="list(self)"
)
MODEL = Frame(
    function="from_db", file="django/db/models/base.py", line=580, kind=FrameKind.LIBRARY, source="cls(*values)"
)
DRIVER = Frame(function="pysqlite_step", file="_sqlite3.so", line=0, kind=FrameKind.NATIVE)


def stack(*frames: Frame, size: float) -> StackBytes:
    """Return what a stack holds; the innermost frame comes first."""
    return StackBytes(frames=frames, bytes=size, blocks=1)


def tree(models: float, driver: float, whole: float | None = None) -> StackTree:
    """Return the stacks of a view that fetches models."""
    stacks = [stack(MODEL, FETCH, VIEW, size=models), stack(DRIVER, FETCH, VIEW, size=driver)]
    return build_stack_tree(stacks, whole_bytes=whole)


def readings(rate: float, calls: int, *, base: int = 30 * MIB, warm_up: int = 2 * MIB) -> Readings:
    """Return readings every twenty calls of a heap that warms up and then grows by so many bytes a call."""
    at = tuple(range(1, calls + 1, 20))
    held = tuple(int(base + rate * call - warm_up * max(0.0, 1 - call / 60)) for call in at)
    return Readings(
        calls=at,
        python_bytes=tuple(value // 2 for value in held),
        native_bytes=tuple(value - value // 2 for value in held),
        blocks=tuple(value // 64 for value in held),
        rss_bytes=tuple(2 * value for value in held),
    )


SITES = (SITE, replace(SITE, share=0.02, bytes_per_1000_calls=3 * MIB, frames=(MODEL, FETCH, FETCH, VIEW, VIEW)))
LONG_PATH = RetentionPath(
    links=tuple(Link(step=f".step{number}", type="Node") for number in range(9)),
    share=0.4,
    held_by_native=True,
    fingerprint="b" * 12,
)
RETAINED = replace(
    LEAK,
    growth=replace(growth(144 * MIB, 0.1 * MIB, calls=1600), from_call=401),
    readings=readings(144 * MIB / 1000, 1600),
    latency_seconds=Latency(p50=2.0, p95=2.5, samples=120, spread=tuple(1.5 + number / 10 for number in range(11))),
    explanation=Explanation(
        allocation_sites=SITES,
        allocation_tracer=TracerName.MEMRAY,
        explained_fraction=0.98,
        containers=(SENT,),
        retention_paths=(SENT_PATH, LONG_PATH),
        growth_stacks=tree(140 * MIB, 1 * MIB),
        notes=("tracing with memray ended early: the process ended",),
    ),
    peak_sites=(PeakSite(bytes=90 * MIB, share=0.96, frames=SITE.frames, stacks=3),),
    peak_stacks=tree(60 * MIB, 30 * MIB, 93.4 * MIB),
    description="A module-level list keeps every queryset.",
    growth_options={"rows": 200},
    peak_options={"rows": 100_000},
    resources=(
        Resource(
            kind=ResourceKind.OPEN_FILES,
            per_1000_calls=1000.0,
            low=1000.0,
            high=1000.0,
            budget_per_1000_calls=0.0,
            verdict=Verdict.LEAK,
            gate=Gate.OVER,
            count=1603,
            named=(NamedCount(what="/var/log/app.log", count=1600),),
        ),
    ),
    baseline_changes=(
        BaselineChange(metric="growth", before=96.0, after=144 * MIB, low=143 * MIB, high=145 * MIB, gate=Gate.OVER),
        BaselineChange(
            metric="peak", before=95 * MIB, after=93.4 * MIB, low=93.4 * MIB, high=93.4 * MIB, gate=Gate.WITHIN
        ),
    ),
)
ITERATOR = replace(
    CLEAN,
    growth=replace(growth(0.0, 96.0, calls=480), from_call=81),
    readings=readings(0.0, 480),
    latency_seconds=Latency(p50=1.2, p95=None, samples=3, spread=(1.1, 1.2, 1.4)),
    peak_stacks=tree(1 * MIB, 3 * MIB, int(4.7 * MIB)),
    is_new=True,
)
NAIVE_SHOWN = replace(
    NAIVE,
    growth=replace(growth(0.0, 96.0, calls=480), from_call=81),
    readings=readings(0.0, 480, base=31 * MIB),
    peak_stacks=tree(62 * MIB, 30 * MIB, int(93.1 * MIB)),
    response_statuses=(StatusCount(status=302, count=480, leads_to="/archive/"),),
    known_leaks=(KnownLeak(entry="*SENT*", reason="ticket 12", bytes_per_1000_calls=3 * MIB, share=0.1),),
)
QUERIES = replace(
    BOUNDED, readings=readings(620, 2000), growth=replace(growth(620_000, 3000, calls=2000), from_call=501)
)
LONELY = replace(UNSURE, readings=readings(50, 300), budget=Budget(growth_bytes_per_1000_calls=4096.0))
BROKEN_SHOWN = replace(
    BROKEN, peak_failure=Failure(kind=FailureKind.DIED, message="memray died", details="Segmentation fault")
)

SHOWN = replace(
    run_of(NAIVE_SHOWN, ITERATOR, RETAINED, QUERIES, LONELY, BROKEN_SHOWN),
    baseline="leakcheck-baseline.json",
    shard=Shard(number=1, count=4, whole=("newsletter[naive]",)),
)
"""Every part of the page has something to show."""

_KEPT = {"over_budget", "schema"}
"""What the page is steered by."""


def with_text(run: Run, text: str) -> Run:
    """Return the run with each free text in it replaced, wherever it stands."""
    return cast(Run, _replaced(run, text))


def _replaced(value: Any, text: str) -> Any:
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return text
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if field.name not in _KEPT]
        return replace(value, **{name: _replaced(getattr(value, name), text) for name in names})
    if isinstance(value, tuple):
        return tuple(_replaced(one, text) for one in value)
    if isinstance(value, Mapping):
        return dict.fromkeys([text], next((_replaced(one, text) for one in value.values()), None)) if value else {}
    return value


def result_of(run: Run, name: str) -> Result:
    """Return a result by its id."""
    return next(result for result in run.results if result.id == name)
