"""Advice on known traps, where a result shows enough to be sure.

Rules depend only on measured facts (containers, retention paths, peak sites, Django's settings), never on the name of
a scenario, and give no advice where nothing is wrong.
"""

from collections.abc import Callable, Iterator

from leakcheck.analysis.explain.allocation_sites import function_name
from leakcheck.analysis.gate.known_leaks import path_text
from leakcheck.model.explanation import GrowingContainer, Link, PeakSite, RetentionPath
from leakcheck.model.result import Advice, DjangoFacts, Result
from leakcheck.model.units import format_per_call, format_size
from leakcheck.model.verdict import Verdict

LARGE_PEAK_BYTES = 8 * 1024**2
"""A smaller peak needs no advice, unless it is over its budget."""

_MOSTLY = 0.5
"""The share of the peak, or of the growth, that a trap must account for."""

_LONG_LIVED_ROOTS = ("module", "lru_cache", "type")
_PREFETCH = "prefetch_related_objects"
_FETCH_ALL = "_fetch_all"
_ITERATOR = "_iterator"
_MYSQL_CLIENTS = ("MySQLdb/", "pymysql/")
_POSTGRESQL_CLIENTS = ("psycopg/", "psycopg_binary/", "psycopg2/", "psycopg_c/")
_QUERY = "django/db/models/query.py"
_DATABASE = "django/db/"


def advise(result: Result) -> tuple[Advice, ...]:
    """Return advice on the traps that a result shows; empty where nothing is wrong."""
    return tuple(advice for rule in _RULES for advice in rule(result, result.django))


Rule = Callable[[Result, DjangoFacts | None], Iterator[Advice]]


def _whole_result(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    for site in _main_peak_site(result, lambda site: _has(site, _FETCH_ALL)):
        trap = "a queryset keeps all of its rows while you loop over it"
        remedy = "loop over .iterator(), or over pages by primary key"
        if _has(site, _PREFETCH):
            trap = "a queryset with prefetch_related() holds all of its rows, and all that was prefetched for them"
            remedy = "loop over .iterator(chunk_size=2000), which prefetches chunk by chunk"
        elif django is not None and "mysql" in django.vendors:
            remedy = (
                "read pages by primary key: on MySQL and MariaDB the client holds the whole result, "
                "so .iterator() saves only half"
            )
        yield Advice(trap=trap, remedy=remedy, evidence=_evidence(result, site))


def _client_buffer(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    if django is None or "mysql" not in django.vendors:
        return
    for site in _main_peak_site(result, lambda site: _is_by(site, _MYSQL_CLIENTS) and not _has(site, _FETCH_ALL)):
        yield Advice(
            trap="the client of MySQL and MariaDB holds the whole result, even with .iterator()",
            remedy="read pages by primary key",
            evidence=_evidence(result, site),
        )


def _no_server_side_cursors(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    databases = django.databases if django else ()
    aliases = [
        database.alias for database in databases if database.vendor == "postgresql" and not database.server_side_cursors
    ]
    if not aliases:
        return
    for site in _main_peak_site(
        result,
        lambda site: (
            _is_by(site, (*_POSTGRESQL_CLIENTS, _DATABASE)) and _has(site, _ITERATOR) and not _has(site, _FETCH_ALL)
        ),
    ):
        yield Advice(
            trap="without server-side cursors, .iterator() reads the whole result first",
            remedy="read pages by primary key, or use a connection that is not pooled by transaction, "
            "with DISABLE_SERVER_SIDE_CURSORS off",
            evidence=f"DISABLE_SERVER_SIDE_CURSORS is set for {', '.join(aliases)}; {_evidence(result, site)}",
        )


def _query_log(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    for container in _growing(result, lambda container: container.name.endswith(".queries_log")):
        yield Advice(
            trap="with DEBUG on, every query is logged, and only a request clears the log",
            remedy="turn DEBUG off, or call django.db.reset_queries() after each task",
            evidence=f"{'DEBUG is on; ' if django is not None and django.debug else ''}{_rising(container)}",
        )


def _outbox(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    for container in _growing(result, lambda container: container.name == "django.core.mail.outbox"):
        yield Advice(
            trap="the locmem mail backend keeps every mail",
            remedy="clear django.core.mail.outbox after each task, or use another EMAIL_BACKEND",
            evidence=_rising(container),
        )


def _strong_receivers(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    for container in _growing(result, lambda container: container.name.endswith(".receivers")):
        path = _path_of(result, container)
        if path is not None and _through_signal(path.links):
            yield Advice(
                trap="a signal receiver is connected on every call and never disconnected",
                remedy="connect it once, at import or with a dispatch_uid, and drop weak=False",
                evidence=_rising(container),
            )


def _local_memory_cache(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    for container in _growing(result, lambda container: container.kind.startswith("LocMemCache")):
        if result.verdict is Verdict.BOUNDED:
            continue  # it will be full soon
        yield Advice(
            trap="a local-memory cache grows in every process up to its MAX_ENTRIES",
            remedy="lower MAX_ENTRIES in OPTIONS (the default is 300), or cache in Redis or Memcached",
            evidence=f"{_rising(container)}, {container.kind}",
        )


def _kept_querysets(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    for path in result.explanation.retention_paths:
        if not _is_main(path.share) or not path.links or result.verdict is not Verdict.LEAK:
            continue
        if path.links[0].type in _LONG_LIVED_ROOTS and _has_queryset(path.links) and not _through_signal(path.links):
            yield Advice(
                trap="a retained queryset retains all rows that it has loaded",
                remedy="store keys or values instead",
                evidence=f"{path_text(path)} is reached from {path.links[0].type} {path.links[0].step}"
                f"{_share_words(path.share)}",
            )


def _cached_methods(result: Result, django: DjangoFacts | None) -> Iterator[Advice]:
    for container in _growing(result, lambda container: container.kind.startswith("lru_cache(")):
        path = _path_of(result, container)
        owner = container.name.rpartition(".")[0].rpartition(".")[2]
        types = () if path is None else [link.type for link in path.links]
        if result.verdict is Verdict.LEAK and owner and owner in types:
            yield Advice(
                trap="lru_cache on a method retains every self that it was called with",
                remedy="use functools.cached_property, or cache a function that takes only what the method needs",
                evidence=f"{_rising(container)}, each with its {owner}",
            )


_PEAK_RULES: tuple[Rule, ...] = (_whole_result, _client_buffer, _no_server_side_cursors)
_DJANGO_RULES: tuple[Rule, ...] = (_query_log, _outbox, _strong_receivers, _local_memory_cache)
_RULES: tuple[Rule, ...] = (
    *_PEAK_RULES,
    *_DJANGO_RULES,
    _kept_querysets,
    _cached_methods,
)


def _main_peak_site(result: Result, matches: Callable[[PeakSite], bool]) -> Iterator[PeakSite]:
    """Yield the line that holds most of the peak, if the peak is large or over budget and the line matches."""
    site = next(iter(result.peak_sites), None)
    if site is None or site.share < _MOSTLY or not matches(site):
        return
    if "peak" in result.over_budget or site.bytes >= LARGE_PEAK_BYTES:
        yield site


def _growing(result: Result, matches: Callable[[GrowingContainer], bool]) -> Iterator[GrowingContainer]:
    """Yield the matching containers that account for most of the growth."""
    for container in result.explanation.containers:
        if not container.stopped and _is_main(container.share) and matches(container):
            yield container


def _is_main(share: float | None) -> bool:
    return share is not None and share >= _MOSTLY


def _has(site: PeakSite, function: str) -> bool:
    names = (*map(function_name, site.frames), *site.beside)
    return any(name.endswith(f"{_QUERY} {function}") for name in names)


def _is_by(site: PeakSite, files: tuple[str, ...]) -> bool:
    return any(part in site.frames[0].file for part in files)


def _path_of(result: Result, container: GrowingContainer) -> RetentionPath | None:
    return next(
        (path for path in result.explanation.retention_paths if path.fingerprint == container.fingerprint), None
    )


def _has_queryset(links: tuple[Link, ...]) -> bool:
    return any(link.type.endswith("QuerySet") for link in links[1:])  # the first link is the root


def _through_signal(links: tuple[Link, ...]) -> bool:
    return any(link.type.endswith("Signal") for link in links)


def _evidence(result: Result, site: PeakSite) -> str:
    where = f"{site.frame.file}:{site.frame.line}"
    return (
        f"{format_size(site.bytes)} of the peak of {format_size(result.peak_bytes or 0)} was allocated through {where}"
    )


def _rising(container: GrowingContainer) -> str:
    return (
        f"{container.name} grows by {format_per_call(container.length_per_call, 'item')}{_share_words(container.share)}"
    )


def _share_words(share: float | None) -> str:
    return "" if share is None else f", {min(share, 1.0):.0%} of the growth"
