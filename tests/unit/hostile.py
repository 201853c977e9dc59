"""Text that means something to somebody else, and runs that have it wherever others write."""

from dataclasses import replace

from hypothesis import strategies as st

from leakcheck.model.answers import BoundedContainer
from leakcheck.model.baseline import BaselineChange
from leakcheck.model.explanation import (
    Explanation,
    GrowingContainer,
    KnownEntry,
    KnownLeak,
    Link,
    NamedCount,
    PeakSite,
    Resource,
    ResourceKind,
    RetentionPath,
    TracerName,
)
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.run import Run
from leakcheck.model.stacks import Frame, FrameKind
from leakcheck.model.verdict import Gate, Verdict
from tests.unit.causes import SENT, SENT_PATH, SITE
from tests.unit.runs import BOUNDED, BROKEN, CLEAN, ENVIRONMENT, LEAK, MIB, NAIVE, UNSURE, run_of

FRAGMENTS = (
    "::error::x",
    "::stop-commands::x",
    "  ::add-mask::a",
    "##[error]x",
    "##vso[task.complete]",
    "#",
    "[",
    "](https://example.org)",
    "![",
    "|",
    "\\",
    "\\|",
    "`",
    "```",
    "~~~",
    "<b>",
    "</pre>",
    "</code></details>",
    "<!--",
    "&amp;",
    "&#0;",
    "]]>",
    "@octocat",
    "#12",
    "GH-12",
    "https://example.org",
    "www.example.org",
    "someone@example.org",
    "$x$",
    ":smile:",
    "**",
    "__",
    "* ",
    "- ",
    "\n",
    "\n\n",
    "\r",
    "\r\n",
    "\t",
    "\x00",
    "\x1b[31m",
    "\x85",
    "\u2028",
    "\u202e",
    "\ud800",
    "\ufffe",
    "\U0001f4a5",
    "%0A",
    "%",
    ",",
    ":",
    "=",
    " ",
    "\xa0",
    "a",
)
text_of_others = st.text(alphabet=st.characters()) | st.lists(st.sampled_from(FRAGMENTS), max_size=6).map("".join)
EVERYTHING = "".join(FRAGMENTS)


def run_with(text: str) -> Run:
    """Return a run of every outcome in which all that others write is this text."""
    frame = Frame(function=text, file=text or "f", line=3, kind=FrameKind.OWN, source=text)
    site = replace(SITE, frames=(replace(frame, kind=FrameKind.LIBRARY), frame))
    container = GrowingContainer(
        name=text, kind=text, where=text, length=9, length_per_call=1.0, share=0.5, fingerprint="a"
    )
    path = RetentionPath(links=(Link(step=text, type=text),), share=0.4, fingerprint="b")
    resource = Resource(
        kind=ResourceKind.OPEN_FILES,
        per_1000_calls=1000.0,
        low=1000.0,
        high=1000.0,
        budget_per_1000_calls=0.0,
        verdict=Verdict.LEAK,
        gate=Gate.OVER,
        named=(NamedCount(what=text, count=3),),
    )
    change = BaselineChange(metric=text, before=1.0, after=2.0, low=2.0, high=2.0, gate=Gate.OVER)
    leak = replace(
        LEAK,
        scenario=f"leak {text}",
        variant=text,
        target=f"{text}.py::{text}",
        over_budget=("growth", "peak", text),
        explanation=Explanation(
            allocation_sites=(site,),
            allocation_tracer=TracerName.MEMRAY,
            containers=(container, replace(SENT, fingerprint="c")),
            retention_paths=(replace(SENT_PATH, fingerprint="a"), path),
            notes=(text,),
        ),
        peak_sites=(PeakSite(bytes=MIB, share=0.9, frames=(frame,), stacks=1),),
        known_leaks=(KnownLeak(entry=text, reason=text, bytes_per_1000_calls=1.0, share=0.1, expired=text),),
        resources=(resource,),
        baseline_changes=(change, replace(change, gate=Gate.WITHIN, better=True)),
    )
    results = (
        replace(CLEAN, scenario=f"clean {text}", variant=None, target=f"module.{text}:call", is_new=True),
        replace(BOUNDED, bounded_by=replace(_limited(), name=text, kind=text)),
        replace(NAIVE, scenario=f"naive {text}", variant=None, baseline_changes=(replace(change, gate=Gate.WITHIN),)),
        replace(UNSURE, scenario=f"unsure {text}", stopped_by=text),
        replace(
            BROKEN,
            scenario=f"broken {text}",
            failure=Failure(kind=FailureKind.RAISED, message=text, details=f'  File "{text}", line 3\n{text}'),
        ),
        leak,
    )
    environment = replace(ENVIRONMENT, python=text, libc=text, platform=text, allocator=text, git_commit=text or None)
    return replace(
        run_of(*results, environment=environment),
        started=text,
        baseline=text,
        command=(text,),
        known_leaks_not_found=(KnownEntry(match=text, reason=text, scenario=text),),
    )


def _limited() -> BoundedContainer:
    assert BOUNDED.bounded_by is not None
    return BOUNDED.bounded_by
