"""Lines about the whole run: advice, skipped URLs, the machines it ran on, its shard."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from leakcheck.model.answers import SkippedRequest
from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.run import Run, Shard

_MOST_URLS, _MOST_HOSTS = 5, 8


def advice_lines(result: Result) -> Iterator[str]:
    """Yield a line for each known trap in a result: the trap, the remedy, and the evidence in brackets."""
    for advice in result.advice:
        yield escape_control(f"{advice.trap}: {advice.remedy} ({advice.evidence})")


def advice_sentences(result: Result) -> Iterator[str]:
    """Yield the advice as sentences, to stand among others."""
    for line in advice_lines(result):
        yield f"Advice: {line}."


def skipped_lines(left_out: Sequence[SkippedRequest]) -> Iterator[str]:
    """Yield a line for each reason to skip requests, with the first few of them."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for skipped in left_out:
        by_reason[skipped.reason].append(skipped.request)
    for reason, requests in by_reason.items():
        more = f" and {len(requests) - _MOST_URLS} more" if len(requests) > _MOST_URLS else ""
        yield escape_control(f"Left out ({reason}): {', '.join(requests[:_MOST_URLS])}{more}")


def host_sentences(run: Run) -> Iterator[str]:
    """Yield the machines that a run was measured on, and what was repeated there; nothing for a local run."""
    hosts = Counter(result.measured_on.host for result in run.results if result.measured_on is not None)
    if hosts:
        names = ", ".join(f"{escape_control(host)} ({count:,})" for host, count in hosts.most_common(_MOST_HOSTS))
        more = f" and {len(hosts) - _MOST_HOSTS:,} more machines" if len(hosts) > _MOST_HOSTS else ""
        yield f"Measured on {names}{more}."
    for result in run.results:
        host = result.measured_on
        if host is not None and host.attempts > 1:
            lost = "its worker was lost" if host.attempts == 2 else f"{host.attempts - 1} workers were lost with it"
            name, machine = escape_control(result.id), escape_control(host.host)
            yield f"{name}: {lost}, so it was measured again from its beginning, on {machine}."


def shard_text(shard: Shard | None) -> str:
    """Return `shard 2 of 3`; "" for a run without shards."""
    return "" if shard is None else f"shard {shard.number:,} of {shard.count:,}"


def shard_sentence(run: Run) -> str | None:
    """Return how much of the whole this shard is, and how to merge it; None for a run without shards."""
    shard = run.shard
    if shard is None:
        return None
    whole = len(shard.whole)
    measured = sum(result.id in shard.whole for result in run.results)
    if not shard.whole or measured or not run.finished:
        part = f"This is {shard_text(shard)}, with {measured:,} of {whole:,} scenarios."
    else:
        part = f"There is nothing to measure for {shard_text(shard)}, because there are {whole:,} scenarios in all."
    return f"{part} Join the shards with: leakcheck merge DIR..."
