"""Known traps: what to do about what a result shows, where it shows enough to be sure.

Each rule looks at facts alone (containers, paths, what held the peak, what Django says of itself), never at the
name of a scenario, and says nothing of what is fine.
"""

from collections.abc import Callable, Iterator

from leakcheck.analysis.explain.allocation_sites import function_name
from leakcheck.model.advice import Advice, DjangoFacts
from leakcheck.model.explanation import GrowingContainer, Link, PeakSite, RetentionPath
from leakcheck.model.result import Result
from leakcheck.model.stacks import Frame
from leakcheck.model.units import format_size
from leakcheck.model.verdict import Verdict

DEAR_BYTES = 8 * 1024**2
"""A peak below this needs no remedy, unless it is over its budget."""

_MOSTLY = 0.5
"""Share of the peak, or of the growth, that a trap must account for."""

_HOLDS_QUERYSETS = ("module", "lru_cache", "type")
"""The roots of a path that outlive any request."""

_PREFETCH = "prefetch_related_objects"
_FETCH_ALL = "_fetch_all"
_ITERATOR = "_iterator"
_MYSQL_CLIENTS = ("MySQLdb/", "pymysql/")
_POSTGRESQL_CLIENTS = ("psycopg/", "psycopg_binary/", "psycopg2/", "psycopg_c/")
_QUERY = "django/db/models/query.py"
_DATABASE = "django/db/"


def advise(result: Result) -> tuple[Advice, ...]:
    """Return the traps that a result shows; none where all is fine."""
    return tuple(advice for rule in _RULES for advice in rule(result, result.django))


Rule = Callable[[Result, DjangoFacts | None], Iterator[Advice]]


# --- what one call holds at its peak ---------------------------------------------------------------


def _whole_result(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    """All rows of a queryset, and what was prefetched for them, in memory at once."""
    for site in _dear(result, lambda site: _has(site, _FETCH_ALL)):
        if _has(site, _PREFETCH):
            yield Advice(
                trap="a queryset with prefetch_related() holds all of its rows, and all that belongs to them",
                remedy="loop over .iterator(chunk_size=2000), which prefetches chunk by chunk",
                evidence=_evidence(result, site),
            )
        elif django is not None and "mysql" in django.vendors:
            yield Advice(
                trap="a queryset keeps all of its rows while you loop over it",
                remedy="read pages by primary key: on MySQL and MariaDB the client holds the whole result, "
                "so .iterator() saves the half",
                evidence=_evidence(result, site),
            )
        else:
            yield Advice(
                trap="a queryset keeps all of its rows while you loop over it",
                remedy="loop over .iterator(), or over pages by primary key",
                evidence=_evidence(result, site),
            )


def _client_buffer(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    """MySQL's and MariaDB's clients hold the whole result, whatever Django does."""
    if django is None or "mysql" not in django.vendors:
        return
    for site in _dear(result, lambda site: _is_by(site, _MYSQL_CLIENTS) and not _has(site, _FETCH_ALL)):
        yield Advice(
            trap="the client of MySQL and MariaDB holds the whole result, also under .iterator()",
            remedy="read pages by primary key",
            evidence=_evidence(result, site),
        )


def _no_server_side_cursors(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    """`iterator()` reads all rows first where PostgreSQL's cursors are turned off."""
    off = (
        [one.alias for one in django.databases if one.vendor == "postgresql" and not one.server_side_cursors]
        if django
        else []
    )
    if not off:
        return
    for site in _dear(
        result,
        lambda site: (
            _is_by(site, (*_POSTGRESQL_CLIENTS, _DATABASE)) and _has(site, _ITERATOR) and not _has(site, _FETCH_ALL)
        ),
    ):
        yield Advice(
            trap="without server-side cursors .iterator() reads the whole result first",
            remedy="read pages by primary key, or iterate over a connection that is not pooled by transaction, "
            "with DISABLE_SERVER_SIDE_CURSORS off",
            evidence=f"DISABLE_SERVER_SIDE_CURSORS is set for {', '.join(off)}; {_evidence(result, site)}",
        )


# --- what stays from call to call ------------------------------------------------------------------


def _query_log(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    """DEBUG logs every query; only a request's begin clears the log."""
    for container in _growing(result, lambda container: container.name.endswith(".queries_log")):
        yield Advice(
            trap="under DEBUG every query is logged, and only a request clears the log",
            remedy="turn DEBUG off, or call django.db.reset_queries() after each task",
            evidence=f"{'DEBUG is on; ' if django is not None and django.debug else ''}{_rising(container)}",
        )


def _outbox(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    """The mail backend for tests keeps every mail."""
    for container in _growing(result, lambda container: container.name == "django.core.mail.outbox"):
        yield Advice(
            trap="the locmem mail backend keeps every mail",
            remedy="empty django.core.mail.outbox after each task, or choose another EMAIL_BACKEND",
            evidence=_rising(container),
        )


def _strong_receivers(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    """A receiver that is connected at every call, and never let go."""
    for container in _growing(result, lambda container: container.name.endswith(".receivers")):
        path = _path_of(result, container)
        if path is not None and any(link.type.endswith("Signal") for link in path.links):
            yield Advice(
                trap="a signal receiver is connected at every call and never let go",
                remedy="connect it once, at import or with a dispatch_uid, and let weak=False be",
                evidence=_rising(container),
            )


def _local_memory_cache(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    """A cache in the process, with a limit that it never reaches."""
    for container in _growing(result, lambda container: container.kind.startswith("LocMemCache")):
        if result.verdict is Verdict.BOUNDED:
            continue  # it is full soon
        yield Advice(
            trap="a local-memory cache grows in every process up to its MAX_ENTRIES",
            remedy="lower OPTIONS MAX_ENTRIES (300 is the default), or cache in Redis or Memcached",
            evidence=f"{_rising(container)}, {container.kind}",
        )


def _kept_querysets(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    """Querysets that something outside of a request keeps, with their rows."""
    for path in result.retention_paths:
        if not _is_main(path.share) or not path.links or result.verdict is not Verdict.LEAK:
            continue
        if path.links[0].type in _HOLDS_QUERYSETS and _queryset_in(path.links) and not _receivers_in(path.links):
            kept = path.links[: _queryset_in(path.links) + 1]
            yield Advice(
                trap="a queryset that is kept keeps every row that it has read",
                remedy="keep what is needed of the rows (keys, values), and not the queryset",
                evidence=f"{_steps(path.links)} is reached from {path.links[0].type} {kept[0].step}"
                f"{_share_words(path.share)}",
            )


def _cached_methods(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    """`lru_cache` on a method keeps every `self` that it was called with."""
    for container in _growing(result, lambda container: container.kind.startswith("lru_cache(")):
        path = _path_of(result, container)
        owner = container.name.split(".")[-2:-1]
        if (
            result.verdict is Verdict.LEAK
            and path is not None
            and owner
            and owner[0] in (link.type for link in path.links)
        ):
            yield Advice(
                trap="lru_cache on a method keeps every self that it was called with",
                remedy="use functools.cached_property, or cache a function of what the method really needs",
                evidence=f"{_rising(container)}, each with its {owner[0]}",
            )


_RULES: tuple[Rule, ...] = (
    _whole_result,
    _client_buffer,
    _no_server_side_cursors,
    _query_log,
    _outbox,
    _strong_receivers,
    _local_memory_cache,
    _kept_querysets,
    _cached_methods,
)


# --- looking at facts ------------------------------------------------------------------------------


def _dear(result: Result, matches: Callable[[PeakSite], bool]) -> Iterator[PeakSite]:
    """Yield the line that holds most of a peak that is dear, where it matches."""
    site = next(iter(result.peak_sites), None)
    if site is None or site.share < _MOSTLY or not matches(site):
        return
    if "peak" in result.failures or site.bytes >= DEAR_BYTES:
        yield site


def _growing(result: Result, matches: Callable[[GrowingContainer], bool]) -> Iterator[GrowingContainer]:
    """Yield the containers that hold most of what grows, where they match."""
    for container in result.containers:
        if not container.stopped and _is_main(container.share) and matches(container):
            yield container


def _is_main(share: float | None) -> bool:
    return share is not None and share >= _MOSTLY


def _has(site: PeakSite, function: str) -> bool:
    names = (*map(function_name, site.frames), *site.beside)
    return any(name.endswith(f"{_QUERY} {function}") for name in names)


def _is_by(site: PeakSite, files: tuple[str, ...]) -> bool:
    first: Frame = site.frames[0]
    return any(part in first.file for part in files)


def _path_of(result: Result, container: GrowingContainer) -> RetentionPath | None:
    return next((path for path in result.retention_paths if path.fingerprint == container.fingerprint), None)


def _queryset_in(links: tuple[Link, ...]) -> int:
    """Return where in a path the first queryset is; 0, where only a root stands, for none."""
    return next((at for at, link in enumerate(links) if link.type.endswith("QuerySet")), 0)


def _receivers_in(links: tuple[Link, ...]) -> bool:
    return any(link.type.endswith("Signal") for link in links)


def _steps(links: tuple[Link, ...]) -> str:
    return "".join(link.step for link in links)


def _evidence(result: Result, site: PeakSite) -> str:
    where = f"{site.frame.file}:{site.frame.line}"
    return f"{format_size(site.bytes)} of the peak of {format_size(result.peak_bytes or 0)} came in through {where}"


def _rising(container: GrowingContainer) -> str:
    return f"{container.name} rises by {container.length_per_call:.2f} per call{_share_words(container.share)}"


def _share_words(share: float | None) -> str:
    return "" if share is None else f", {min(share, 1.0):.0%} of the growth"
