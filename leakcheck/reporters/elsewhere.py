"""Which machines of a cluster measured, and what had to be done again there."""

from collections import Counter
from collections.abc import Iterator

from leakcheck.model import Run
from leakcheck.reporters.plain import plain

_MOST_WORKERS = 8


def elsewhere_sentences(run: Run) -> Iterator[str]:
    """Yield where a run was measured, and what lost its worker; nothing where all was measured here."""
    hosts = Counter(result.elsewhere.host for result in run.results if result.elsewhere is not None)
    if hosts:
        named = ", ".join(f"{plain(host)} ({count:,})" for host, count in hosts.most_common(_MOST_WORKERS))
        more = f" and {len(hosts) - _MOST_WORKERS:,} more machines" if len(hosts) > _MOST_WORKERS else ""
        yield f"Measured on {named}{more}."
    for result in run.results:
        where = result.elsewhere
        if where is not None and where.begun > 1:
            lost = "its worker was lost" if where.begun == 2 else f"{where.begun - 1} workers were lost with it"
            yield f"{plain(result.id)}: {lost}, so it was measured again from its beginning, on {plain(where.host)}."
