"""All that is said of a run as a whole, composed once: texts, each of a kind, that every reporter prints."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from enum import Enum

from leakcheck.model.plain_text import escape_control
from leakcheck.model.run import Run
from leakcheck.model.units import format_duration
from leakcheck.model.verdict import Gate
from leakcheck.reporters.messages.baseline import better_sentences, missing_sentences, new_sentences
from leakcheck.reporters.messages.cells import COUNTED_GATES, commit_text
from leakcheck.reporters.messages.verdict import NO_MEMRAY, missing_meter_sentences, peak_was_skipped

_MOST_URLS, _MOST_HOSTS = 5, 8


def _outcome(run: Run) -> Iterator[str]:
    counts = Counter(result.gate for result in run.results)
    counted = [
        f"{counts[gate]:,} {word}{'s' if gate is Gate.ERROR and counts[gate] > 1 else ''}"
        for gate, word in COUNTED_GATES.items()
        if counts[gate]
    ]
    yield ", ".join(counted) or "nothing was measured"


def _unfinished(run: Run) -> Iterator[str]:
    if not run.finished:
        yield "not finished: scenarios may be missing"


def _environment(run: Run) -> Iterator[str]:
    environment = run.environment
    if environment is not None:
        commit = environment.git_commit
        parts = (
            f"{environment.implementation.replace('cpython', 'CPython')} {environment.python}",
            environment.platform,
            environment.libc,
            environment.allocator,
            f"commit {commit_text(commit, environment.git_dirty)}" if commit else "",
        )
        yield " · ".join(filter(None, parts))


def _baseline(run: Run) -> Iterator[str]:
    if run.baseline is not None:
        yield f"compared with {run.baseline}"


def _duration(run: Run) -> Iterator[str]:
    yield format_duration(run.duration_seconds)


def _skipped_peaks(run: Run) -> Iterator[str]:
    if any(map(peak_was_skipped, run.results)):
        yield f"Peaks were not measured: {NO_MEMRAY}"


def _missing_meters(run: Run) -> Iterator[str]:
    sentences = (sentence for result in run.results for sentence in missing_meter_sentences(result))
    for sentence in dict.fromkeys(sentences):
        yield f"{sentence[:1].upper()}{sentence[1:]}"


def _unseen_leaks(run: Run) -> Iterator[str]:
    for entry in run.known_leaks_not_found:
        if entry.scenario == "*":
            where = "did not occur in this run: if the run covers it, its entry can be removed"
        else:
            where = f"no longer occurs in {entry.scenario}: its entry can be removed"
        yield f"The known leak {entry.fingerprint or entry.match} {where} ({entry.reason})."


def _skipped_requests(run: Run) -> Iterator[str]:
    by_reason: dict[str, list[str]] = defaultdict(list)
    for skipped in run.skipped_requests:
        by_reason[skipped.reason].append(skipped.request)
    for reason, requests in by_reason.items():
        more = f" and {len(requests) - _MOST_URLS} more" if len(requests) > _MOST_URLS else ""
        yield f"Skipped ({reason}): {', '.join(requests[:_MOST_URLS])}{more}"


def _hosts(run: Run) -> Iterator[str]:
    hosts = Counter(result.measured_on.host for result in run.results if result.measured_on is not None)
    if hosts:
        names = ", ".join(f"{host} ({count:,})" for host, count in hosts.most_common(_MOST_HOSTS))
        more = f" and {len(hosts) - _MOST_HOSTS:,} more machines" if len(hosts) > _MOST_HOSTS else ""
        yield f"Measured on {names}{more}."


def _retried(run: Run) -> Iterator[str]:
    for result in run.results:
        host = result.measured_on
        if host is not None and host.attempts > 1:
            lost = "its worker was lost" if host.attempts == 2 else f"{host.attempts - 1} workers were lost with it"
            yield f"{result.id}: {lost}, so it was measured again from the start, on {host.host}."


def _shard(run: Run) -> Iterator[str]:
    shard = run.shard
    if shard is None:
        return
    number, whole = f"shard {shard.number:,} of {shard.count:,}", len(shard.whole)
    measured = sum(result.id in shard.whole for result in run.results)
    part = f"This is {number}, with {measured:,} of {whole:,} scenarios."
    if shard.whole and not measured and run.finished:
        part = f"There is nothing to measure for {number}, because there are {whole:,} scenarios in all."
    yield f"{part} Merge the shards with: leakcheck merge DIR..."


class RunFact(Enum):
    """The kinds of statements about a run, in the order in which they are printed, with what composes them."""

    OUTCOME = (_outcome,)
    UNFINISHED = (_unfinished,)
    ENVIRONMENT = (_environment,)
    BASELINE = (_baseline,)
    DURATION = (_duration,)
    PEAKS_SKIPPED = (_skipped_peaks,)
    MISSING_METER = (_missing_meters,)
    UNSEEN_LEAK = (_unseen_leaks,)
    NEW = (new_sentences,)
    BETTER = (better_sentences,)
    MISSING = (missing_sentences,)
    """Scenarios that the baseline has, and the targets have no longer."""
    SKIPPED_REQUESTS = (_skipped_requests,)
    HOSTS = (_hosts,)
    RETRIED = (_retried,)
    SHARD = (_shard,)

    def __init__(self, compose: Callable[[Run], Iterable[str]]) -> None:
        self.compose = compose


PHRASES = (RunFact.OUTCOME, RunFact.UNFINISHED, RunFact.ENVIRONMENT, RunFact.BASELINE, RunFact.DURATION)
"""The kinds for a headline, a first or a last line; all others are sentences."""


def run_sentences(run: Run) -> list[str]:
    """Return all that is said of a run in sentences."""
    return run_phrases(run, *(kind for kind in RunFact if kind not in PHRASES))


def run_phrases(run: Run, *kinds: RunFact) -> list[str]:
    """Return what is said of these kinds, in this order."""
    return [escape_control(text) for kind in kinds for text in kind.compose(run)]  # again, in case one forgot to
