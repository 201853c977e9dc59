"""Why it grows, in rows: which line allocates, which container holds, which path keeps it alive."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from leakcheck.model.explanation import (
    AllocationSite,
    GrowingContainer,
    KnownEntry,
    KnownLeak,
    Link,
    PeakSite,
    RetentionPath,
)
from leakcheck.model.plain_text import plain
from leakcheck.model.result import Result
from leakcheck.model.stacks import Frame, FrameKind, native_frame
from leakcheck.model.units import format_size
from leakcheck.model.verdict import Verdict
from leakcheck.reporters.messages.child_processes import children_notes

_MOST = 3
_LEAST_SHARE = 0.02
_LONGEST_SOURCE = 60
NATIVE_CODE = "native code"
"""The step that a path begins with where no Python object leads to it."""

_MORE_THAN_ALL = 1.1
"""A dict's table that doubled while it was traced is in the sites, and not in the growth: it is no steady rise."""
_Part = TypeVar("_Part", AllocationSite, RetentionPath)


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseRow:
    """One row: `held by`, `newsletter.views.SENT`, `list, +1.00 per call, no limit, 98 %`."""

    label: str
    where: str
    what: str = ""


def causes(result: Result) -> Iterator[CauseRow]:
    """Yield the rows of a result's explanation, the most telling first; none where there is none."""
    if "peak" in result.failures:
        yield from _at_peak(result)
    yield from _allocated(result)
    yield from _held(result)
    if result.explained_fraction is not None and result.sites_meter is not None:
        yield CauseRow(label="explains", where=f"{explained_text(result)}, seen by {result.sites_meter}")
    if result.verdict is Verdict.LEAK and (fingerprint := known_leak_fingerprint(result)):
        yield CauseRow(label="fingerprint", where=plain(fingerprint))


def explanation_notes(result: Result) -> Iterator[str]:
    """Yield a sentence for what could not be explained, and for each known leak."""
    name = plain(result.id)
    for note in result.explain_notes:
        yield f"{name}: {plain(note)}; the verdict stands."
    yield from children_notes(result)
    for leak in result.known:
        yield f"{name}: {_known(leak)}"


def unseen_leak_sentence(entry: KnownEntry) -> str:
    """Return the sentence for an entry of the known leaks that did not occur."""
    name = plain(entry.fingerprint or entry.match)
    if entry.scenario == "*":
        where = "did not occur in this run: if the run covers it, its entry can be removed"
    else:
        where = f"no longer occurs in {plain(entry.scenario)}: its entry can be removed"
    return f"The known leak {name} {where} ({plain(entry.reason)})."


def _allocated(result: Result) -> Iterator[CauseRow]:
    label = "allocated at"
    for site in _heavy(result.sites):
        source = _cut(plain(site.frame.source))
        yield CauseRow(label=label, where=frame_location(site.frame), what=f"{source}  {_site_share(site)}".strip())
        if (deeper := _deeper(site)) is not None:
            yield CauseRow(label="", where=f"  in {deeper}")
        label = ""


def explained_text(result: Result) -> str:
    """Return how much of the growth the lines account for; never more than all of it."""
    fraction = result.explained_fraction or 0.0
    growth = "the growth" if result.pinned_by_bytes_per_1000_calls is None else "the heap's growth"
    if fraction > _MORE_THAN_ALL:
        return f"all of {growth}, and tables that double now and then"
    return f"{_share(fraction)} of {growth}"


def _cut(source: str) -> str:
    return source if len(source) <= _LONGEST_SOURCE else f"{source[: _LONGEST_SOURCE - 1]}…"


def _at_peak(result: Result) -> Iterator[CauseRow]:
    label = "at the peak"
    for site in result.peak_sites[:_MOST]:
        source = _cut(plain(site.frame.source))
        share = f"{format_size(site.bytes)}, {_share(site.share)} of the peak"
        yield CauseRow(label=label, where=frame_location(site.frame), what=f"{source}  {share}".strip())
        if (deeper := _deeper(site)) is not None:
            yield CauseRow(label="", where=f"  in {deeper}")
        label = ""


def _deeper(site: AllocationSite | PeakSite) -> str | None:
    """Return where a library, or native code, took the memory that the named line asked for."""
    first = native_frame(site.frames) or next(iter(site.frames), None)
    if first is None:
        return None
    if first.kind is FrameKind.NATIVE and first.file:
        return f"{native_words(first)}, native code"
    if first == site.frame:
        return None
    return f"{frame_location(first)} {plain(first.function)}"


def native_words(frame: Frame) -> str:
    """Return an extension and its function (`_multidict.cpython-311-x86_64-linux-gnu.so pair_list_add`)."""
    return plain(f"{frame.file} {frame.called}")


def _held(result: Result) -> Iterator[CauseRow]:
    label = "held by"
    containers = {container.fingerprint: container for container in result.containers}
    told = "" if result.bounded_by is None else result.bounded_by.name
    for path in _heavy(result.retention_paths):
        container = containers.get(path.fingerprint)
        if container is not None and container.name == told:
            continue  # the sentence above says it
        if container is not None:
            yield CauseRow(label=label, where=plain(container.name), what=container_text(container))
        if container is None:
            yield CauseRow(label=label, where=path_words(path), what=_path_share(path, container))
        if path.native is not None:
            yield CauseRow(label="", where=f"  in {native_words(path.native)}")
        yield from _users_line(path)
        label = ""


def _users_line(path: RetentionPath) -> Iterator[CauseRow]:
    """Yield the user's line behind a callback, or a context variable."""
    if path.kept is not None:
        yield CauseRow(label="", where=f"  keeps {frame_location(path.kept)}", what=_cut(plain(path.kept.source)))
    if path.set_at is not None:
        yield CauseRow(label="", where=f"  set at {frame_location(path.set_at)}", what=_cut(plain(path.set_at.source)))


def container_text(container: GrowingContainer) -> str:
    """Return what a container is and does (`list, +1.00 per call, no limit`)."""
    parts = [plain(container.kind)]
    if container.where:
        parts.append(plain(container.where))
    if container.stopped:
        parts.append(f"holds {container.limit or container.length:,} at most")
    else:
        parts.append(f"+{container.length_per_call:.2f} per call")
        full = container.calls_until_full
        parts.append("no limit" if full is None else f"full at {container.limit:,} after about {full:,.0f} more calls")
    if container.share is not None:
        parts.append(_share(container.share))
    return ", ".join(parts)


def path_words(path: RetentionPath) -> str:
    """Return a path on one line, root first (`newsletter.views.SENT[*]._result_cache`).

    What native code holds begins with the type that it refers to (`native code: traceback.tb_frame`).
    """
    if not path.links:
        return NATIVE_CODE
    first, *others = path.links
    root = first.step
    if _begins_in_native_code(path):
        root = f"{first.step}: {first.type}"
        if others and others[0].step == ".__self__":
            root = f"{root} of {others[0].type}"  # a bound method: whose it is says more than the step to it
            others = others[1:]
    return plain("".join([root, *(link.step for link in others)]))


def _begins_in_native_code(path: RetentionPath) -> bool:
    """Tell whether the first link is what native code holds, and not a root that leads there."""
    return path.held_by_native and path.links[0].step == NATIVE_CODE


def _path_share(path: RetentionPath, container: GrowingContainer | None) -> str:
    # where native code holds it directly, its type stands in front
    is_told = len(path.links) == 1 and _begins_in_native_code(path)
    parts = [plain(types_of(path.links))] if path.links and not is_told else []
    if path.held_by_native:
        parts.append("held by native code")
        if path.first_objects_per_call:
            parts.append(f"+{path.first_objects_per_call:.2f} per call")
    if container is None and path.share is not None:
        parts.append(_share(path.share))
    return ", ".join(parts)


def types_of(links: Sequence[Link]) -> str:
    """Return the type at the end of a path."""
    return links[-1].type


def frame_location(frame: Frame) -> str:
    """Return a frame's place (`scenarios/newsletter/views.py:41`)."""
    where = f"{frame.file}:{frame.line}" if frame.line else frame.file
    return plain(where if where else frame.function)


def _heavy(parts: Sequence[_Part]) -> list[_Part]:
    return [part for part in parts if _is_heavy(part.share)][:_MOST]


def _is_heavy(share: float | None) -> bool:
    return share is None or share >= _LEAST_SHARE


def known_leak_fingerprint(result: Result) -> str:
    """Return the fingerprint that names a growth on the list of known leaks; "" where nothing was found."""
    if result.fingerprint:
        return result.fingerprint
    # a document that is older than the field
    found = [path.fingerprint for path in result.retention_paths] + [site.fingerprint for site in result.sites]
    return next(iter(found), "")


def _known(leak: KnownLeak) -> str:
    what = f"{_share(leak.share)} of the growth, {format_size(leak.bytes_per_1000_calls)} per 1000 calls, is known"
    if leak.expired is not None:
        return f"{what}, but the entry {plain(leak.entry)} expired on {plain(leak.expired)}: {plain(leak.reason)}"
    return f"{what} and does not fail: {plain(leak.reason)} ({plain(leak.entry)})"


def _share(share: float) -> str:
    # each part is measured by itself, so that it may come out a little above the whole
    return f"{min(max(share, 0.0), 1.0):.0%}"


def _site_share(site: AllocationSite) -> str:
    """Return a site's share with the wider of its bounds; without, where it rounds to nothing."""
    doubt = max(site.high - site.bytes_per_1000_calls, site.bytes_per_1000_calls - site.low)
    points = 100 * site.share * doubt / site.bytes_per_1000_calls if site.bytes_per_1000_calls else 0.0
    return _share(site.share) if points < 1 or site.share >= 1 else f"{100 * site.share:.0f} ± {points:.0f}%"
