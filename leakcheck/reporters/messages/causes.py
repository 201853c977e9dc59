"""Why memory grows, in rows: which line allocates it, which container or reference path retains it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from leakcheck.model.explanation import AllocationSite, GrowingContainer, PeakSite, RetentionPath
from leakcheck.model.plain_text import escape_control, shorten
from leakcheck.model.result import Result
from leakcheck.model.stacks import Frame, FrameKind, native_frame
from leakcheck.model.units import format_per_call, format_size
from leakcheck.model.verdict import Verdict

_MOST_ROWS = 3
_LEAST_SHARE = 0.02
_LONGEST_SOURCE = 60
NATIVE_CODE = "native code"
"""The first step of a path to which no Python object leads."""

_MORE_THAN_ALL = 1.1
"""The sites include a dict's table that doubled while it was traced, the growth does not: it is no steady rise."""
_Part = TypeVar("_Part", AllocationSite, RetentionPath)


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseRow:
    """One row: `retained by`, `newsletter.views.SENT`, `list, +1 item per call, unbounded, 98%`."""

    label: str
    where: str
    what: str = ""


def peak_rows(result: Result) -> Iterator[CauseRow]:
    """Yield the lines that held the most at the peak, if that is over its budget."""
    if "peak" in result.over_budget:
        sites = result.peak_sites[:_MOST_ROWS]
        shares = [f"{format_size(site.bytes)}, {_share(site.share)} of the peak" for site in sites]
        yield from _site_rows("at the peak", list(zip(sites, shares, strict=True)))


def allocation_rows(result: Result) -> Iterator[CauseRow]:
    """Yield the lines that allocate most of what grows."""
    sites = [(site, _site_share(site)) for site in _heaviest(result.explanation.allocation_sites)]
    yield from _site_rows("allocated at", sites)


def coverage_rows(result: Result) -> Iterator[CauseRow]:
    """Yield how much of the growth the allocating lines account for, and the tracer that found them."""
    tracer = result.explanation.allocation_tracer
    if result.explanation.explained_fraction is not None and tracer is not None:
        yield CauseRow(
            label="covers", where=f"{_covered(result, result.explanation.explained_fraction)} ({tracer.label})"
        )


def fingerprint_rows(result: Result) -> Iterator[CauseRow]:
    """Yield a leak's fingerprint, for the list of known leaks."""
    if result.verdict is Verdict.LEAK and (fingerprint := known_leak_fingerprint(result)):
        yield CauseRow(label="fingerprint", where=escape_control(fingerprint))


def note_sentences(result: Result) -> Iterator[str]:
    """Yield what could not be explained, and why."""
    for note in result.explanation.notes:
        yield f"{escape_control(note)}; the verdict stands."


def known_leak_sentences(result: Result) -> Iterator[str]:
    """Yield which part of the growth is on the list of known leaks."""
    for leak in result.known_leaks:
        what = f"{_share(leak.share)} of the growth, {format_size(leak.bytes_per_1000_calls)} per 1000 calls, is known"
        entry, reason = escape_control(leak.entry), escape_control(leak.reason)
        if leak.expired is None:
            yield f"{what} and does not fail: {reason} ({entry})"
        else:
            yield f"{what}, but the entry {entry} expired on {escape_control(leak.expired)}: {reason}"


def advice_sentences(result: Result) -> Iterator[str]:
    """Yield the advice on each known trap in a result: the trap, the remedy, and the evidence in brackets."""
    for advice in result.advice:
        yield escape_control(f"advice: {advice.trap}; {advice.remedy} ({advice.evidence}).")


def _site_rows(label: str, sites: Sequence[tuple[AllocationSite | PeakSite, str]]) -> Iterator[CauseRow]:
    for site, share in sites:
        yield CauseRow(label=label, where=frame_location(site.frame), what=f"{_source(site.frame)}  {share}".strip())
        if (allocator := _allocating_frame(site)) is not None:
            yield CauseRow(label="", where=f"  in {allocator}")
        label = ""


def _covered(result: Result, fraction: float) -> str:
    growth = "the growth" if result.pinned_by_bytes_per_1000_calls is None else "the heap's growth"
    if fraction > _MORE_THAN_ALL:
        return f"all of {growth}, and tables that double now and then"
    return f"{_share(fraction)} of {growth}"


def _source(frame: Frame) -> str:
    return shorten(escape_control(frame.source), _LONGEST_SOURCE)


def _allocating_frame(site: AllocationSite | PeakSite) -> str | None:
    """Return where a library, or native code, allocated for the site's line; None where the line itself did."""
    frame = native_frame(site.frames) or next(iter(site.frames), None)
    if frame is None:
        return None
    if frame.kind is FrameKind.NATIVE and frame.file:
        return f"{native_text(frame)}, native code"
    return None if frame == site.frame else f"{frame_location(frame)} {escape_control(frame.function)}"


def native_text(frame: Frame) -> str:
    """Return an extension module and its function (`_multidict.cpython-311-x86_64-linux-gnu.so pair_list_add`)."""
    return escape_control(f"{frame.file} {frame.display_name}")


def retention_rows(result: Result) -> Iterator[CauseRow]:
    """Yield the containers and reference paths that retain most of what grows."""
    label = "retained by"
    containers = {container.fingerprint: container for container in result.explanation.containers}
    for path in _heaviest(result.explanation.retention_paths):
        container = containers.get(path.fingerprint)
        if container is None:
            yield CauseRow(label=label, where=path_text(path), what=_path_share(path))
        elif result.bounded_by is not None and container.name == result.bounded_by.name:
            continue  # the verdict's sentence names it
        else:
            yield CauseRow(label=label, where=escape_control(container.name), what=container_text(container))
        if path.native is not None:
            yield CauseRow(label="", where=f"  in {native_text(path.native)}")
        # the user's own line behind a callback, or a context variable
        for verb, frame in (("keeps", path.kept_function), ("set at", path.set_at)):
            if frame is not None:
                yield CauseRow(label="", where=f"  {verb} {frame_location(frame)}", what=_source(frame))
        label = ""


def container_text(container: GrowingContainer) -> str:
    """Return a container's type, growth and limit (`list, +1 item per call, unbounded`)."""
    parts = [escape_control(container.kind)]
    if container.where:
        parts.append(escape_control(container.where))
    if container.stopped:
        parts.append(f"at most {container.limit or container.length:,} items")
    else:
        parts.append(f"+{format_per_call(container.length_per_call, 'item')}")
        full = container.calls_until_full
        parts.append("unbounded" if full is None else f"full at {container.limit:,} after about {full:,.0f} more calls")
    if container.share is not None:
        parts.append(_share(container.share))
    return ", ".join(parts)


def path_text(path: RetentionPath) -> str:
    """Return a path on one line, root first (`newsletter.views.SENT[*]._result_cache`).

    A path from native code begins with the type that is referred to (`native code: traceback.tb_frame`).
    """
    if not path.links:
        return NATIVE_CODE
    first, *others = path.links
    root = first.step
    if _begins_in_native_code(path):
        root = f"{first.step}: {first.type}"
        if others and others[0].step == ".__self__":
            root = f"{root} of {others[0].type}"  # a bound method: the type says more than `.__self__`
            others = others[1:]
    return escape_control("".join([root, *(link.step for link in others)]))


def _begins_in_native_code(path: RetentionPath) -> bool:
    # else the first link is a Python root that leads there
    return path.held_by_native and path.links[0].step == NATIVE_CODE


def _path_share(path: RetentionPath) -> str:
    # a single link from native code: path_words begins with its type already
    has_type = len(path.links) == 1 and _begins_in_native_code(path)
    parts = [escape_control(path.links[-1].type)] if path.links and not has_type else []
    if path.held_by_native:
        parts.append("referenced by native code")
        if path.first_objects_per_call:
            parts.append(f"+{format_per_call(path.first_objects_per_call, 'object')}")
    if path.share is not None:
        parts.append(_share(path.share))
    return ", ".join(parts)


def frame_location(frame: Frame) -> str:
    """Return a frame's file and line (`scenarios/newsletter/views.py:41`), or its function where it has no file."""
    location = f"{frame.file}:{frame.line}" if frame.line else frame.file
    return escape_control(location if location else frame.function)


def _heaviest(parts: Sequence[_Part]) -> list[_Part]:
    return [part for part in parts if _is_heavy(part.share)][:_MOST_ROWS]


def _is_heavy(share: float | None) -> bool:
    return share is None or share >= _LEAST_SHARE


def known_leak_fingerprint(result: Result) -> str:
    """Return the fingerprint for the list of known leaks; "" where the growth was not explained."""
    explanation = result.explanation
    parts: Sequence[RetentionPath | AllocationSite] = (*explanation.retention_paths, *explanation.allocation_sites)
    # a run.json from before the field existed has only those of the parts
    return result.fingerprint or next((part.fingerprint for part in parts), "")


def _share(share: float) -> str:
    # parts are measured one by one, so their share may exceed 1 a little
    return f"{min(max(share, 0.0), 1.0):.0%}"


def _site_share(site: AllocationSite) -> str:
    """Return a site's share with the wider of its bounds, unless that is less than 1 %."""
    margin = max(site.high - site.bytes_per_1000_calls, site.bytes_per_1000_calls - site.low)
    points = 100 * site.share * margin / site.bytes_per_1000_calls if site.bytes_per_1000_calls else 0.0
    return _share(site.share) if points < 1 or site.share >= 1 else f"{100 * site.share:.0f} ± {points:.0f}%"
