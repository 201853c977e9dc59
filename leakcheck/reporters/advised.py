"""What to do: the advice on a known trap in one line, and the URLs that were left out."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from leakcheck.model import LeftOut, Result
from leakcheck.reporters.plain import plain

_MOST_URLS = 5


def advice_lines(result: Result) -> Iterator[str]:
    """Yield a line for each trap that a result shows: the trap, the remedy, and the evidence in brackets."""
    for advice in result.advice:
        yield plain(f"{advice.trap}: {advice.remedy} ({advice.evidence})")


def advised(result: Result) -> Iterator[str]:
    """Yield the same as sentences, for where they stand among others."""
    for line in advice_lines(result):
        yield f"Advice: {line}."


def left_out_lines(left_out: Sequence[LeftOut]) -> Iterator[str]:
    """Yield a line for each reason, with the requests that were left out for it; the first few by name."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for one in left_out:
        by_reason[one.reason].append(one.request)
    for reason, requests in by_reason.items():
        more = f" and {len(requests) - _MOST_URLS} more" if len(requests) > _MOST_URLS else ""
        yield plain(f"Left out ({reason}): {', '.join(requests[:_MOST_URLS])}{more}")
