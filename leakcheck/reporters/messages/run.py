"""What to do: the advice on a known trap in one line, and the URLs that were left out."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from leakcheck.model.answers import SkippedRequest
from leakcheck.model.plain_text import plain
from leakcheck.model.result import Result
from leakcheck.model.run import Run, Shard

_MOST_URLS = 5


def advice_lines(result: Result) -> Iterator[str]:
    """Yield a line for each trap that a result shows: the trap, the remedy, and the evidence in brackets."""
    for advice in result.advice:
        yield plain(f"{advice.trap}: {advice.remedy} ({advice.evidence})")


def advised(result: Result) -> Iterator[str]:
    """Yield the same as sentences, for where they stand among others."""
    for line in advice_lines(result):
        yield f"Advice: {line}."


def left_out_lines(left_out: Sequence[SkippedRequest]) -> Iterator[str]:
    """Yield a line for each reason, with the requests that were left out for it; the first few by name."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for one in left_out:
        by_reason[one.reason].append(one.request)
    for reason, requests in by_reason.items():
        more = f" and {len(requests) - _MOST_URLS} more" if len(requests) > _MOST_URLS else ""
        yield plain(f"Left out ({reason}): {', '.join(requests[:_MOST_URLS])}{more}")


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


def shard_words(shard: Shard | None) -> str:
    """Return `shard 2 of 3`; nothing where the whole was measured."""
    return "" if shard is None else f"shard {shard.number:,} of {shard.count:,}"


def shard_sentence(run: Run) -> str | None:
    """Return what was left to the other shards, and how to join them; None where the whole was measured."""
    shard = run.shard
    if shard is None:
        return None
    whole = len(shard.whole)
    measured = sum(result.id in shard.whole for result in run.results)
    if not shard.whole or measured or not run.finished:
        part = f"This is {shard_words(shard)}, with {measured:,} of {whole:,} scenarios."
    else:
        part = f"There is nothing to measure for {shard_words(shard)}, because there are {whole:,} scenarios in all."
    return f"{part} Join the shards with: leakcheck merge DIR..."
