"""Checks of the measured Python: its allocator, meters and tracers."""

from collections.abc import Iterator, Sequence

from leakcheck.doctor.model import Check, CheckState, InterpreterFacts, MeterReading
from leakcheck.model.explanation import ResourceKind

MEASURED_PYTHON, METERS, TRACERS = "the measured Python", "read between windows", "traced when it is explained"
_TESTED = ("3.11", "3.12", "3.13")
_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalPy"}
_EXACT_SHARE = 0.99
"""A meter is exact if it sees all retained bytes; a few others may be freed meanwhile."""


def _sees_all(reading: MeterReading | None) -> bool:
    """Return whether the meter exists and sees what is retained."""
    return reading is not None and reading.seen_bytes >= _EXACT_SHARE * reading.kept_bytes


def check_interpreter(facts: InterpreterFacts) -> Iterator[Check]:
    """Yield the checks of the measured Python."""
    yield _python(facts)
    yield _allocator(facts)
    yield _library(facts)
    where = "a virtual environment" if facts.is_virtual else "not a virtual environment"
    yield Check(part=MEASURED_PYTHON, name="environment", state=CheckState.GOOD, says=where)
    yield _python_meter(facts)
    yield _native_meter(facts)
    yield _pages(facts)
    yield _counts(facts)
    yield from _memray(facts)
    says = "there" if facts.tracemalloc else "this Python has none"
    yield Check(
        part=TRACERS, name="tracemalloc", state=CheckState.GOOD if facts.tracemalloc else CheckState.LESS, says=says
    )


def summary(facts: InterpreterFacts) -> str:
    """Return in one sentence how growth and peak are measured."""
    python = _sees_all(facts.python_meter) or _malloc_has_all(facts)
    native = _sees_all(facts.native_meter)
    if python and native:
        growth = "growth is exact, to the byte, Python's and native"
    elif python:
        growth = "growth is exact for Python's heap, and estimated from resident pages for native memory"
    elif native:
        growth = "growth is exact for native memory, and estimated from the number of blocks for Python's heap"
    else:
        growth = "growth is estimated, from Python's blocks and resident pages"
    peak = "the peak is traced by memray" if facts.memray.sees_python else "no peak can be measured"
    return f"{growth}; {peak}"


def _malloc_has_all(facts: InterpreterFacts) -> bool:
    """Return whether Python allocates everything with malloc, so that the meter of malloc is sufficient."""
    return facts.allocator.startswith("malloc") and _sees_all(facts.native_meter)


def _python(facts: InterpreterFacts) -> Check:
    name = _IMPLEMENTATIONS.get(facts.implementation, facts.implementation)
    kind = f"{facts.bits} bit{', debug build' if facts.is_debug else ''}{'' if facts.has_gil else ', without the GIL'}"
    state, remedy = CheckState.GOOD, ""
    if facts.implementation != "cpython":
        state, remedy = CheckState.LESS, "measure in CPython, with --python"
    elif not facts.has_gil:
        state, remedy = (
            CheckState.LESS,
            "measure in a build with the GIL: without it Python's live bytes cannot be read",
        )
    elif ".".join(facts.python.split(".")[:2]) not in _TESTED:
        state, remedy = CheckState.NOTE, f"leakcheck is tested on CPython {_TESTED[0]} to {_TESTED[-1]}"
    elif facts.is_debug:
        state, remedy = CheckState.NOTE, "a debug build's objects are larger: keep its baseline apart"
    return Check(part=MEASURED_PYTHON, name="Python", state=state, says=f"{name} {facts.python}, {kind}", remedy=remedy)


def _allocator(facts: InterpreterFacts) -> Check:
    says, state, remedy = facts.allocator, CheckState.GOOD, ""
    if facts.preloaded:
        says, state = f"{says}; LD_PRELOAD brings {_listed(facts.preloaded)}", CheckState.NOTE
        remedy = "what is preloaded may replace malloc, and then its meter is blind; see below"
    elif facts.allocator != "pymalloc":
        state, remedy = CheckState.NOTE, "sizes are this allocator's: a baseline of another one does not compare"
    return Check(part=MEASURED_PYTHON, name="allocator", state=state, says=says, remedy=remedy)


def _library(facts: InterpreterFacts) -> Check:
    if facts.libc.startswith("glibc"):
        return Check(part=MEASURED_PYTHON, name="C library", state=CheckState.GOOD, says=facts.libc)
    says = facts.libc or f"not glibc, on {facts.platform}"
    remedy = "only Linux with glibc is tested; in a container take an image that is not Alpine's"
    return Check(part=MEASURED_PYTHON, name="C library", state=CheckState.NOTE, says=says, remedy=remedy)


def _python_meter(facts: InterpreterFacts) -> Check:
    says, state, remedy = "exact", CheckState.GOOD, ""
    if _malloc_has_all(facts):
        says = "exact: PYTHONMALLOC hands all to malloc, whose meter has them"
    elif facts.python_meter is None:
        says, state = "cannot be read: the number of blocks stands in, with bounds that say so", CheckState.LESS
        remedy = "measure in CPython with the GIL, on Linux or macOS"
    elif not _sees_all(facts.python_meter):
        says, state = (
            f"{_blind(facts.python_meter)}: PYTHONMALLOC hands them to a malloc without a meter",
            CheckState.LESS,
        )
        remedy = "unset PYTHONMALLOC"
    return Check(part=METERS, name="Python's live bytes", state=state, says=says, remedy=remedy)


def _native_meter(facts: InterpreterFacts) -> Check:
    says, state, remedy = "exact, by mallinfo2", CheckState.GOOD, ""
    if not _sees_all(facts.native_meter):
        says, state = "cannot be read: resident pages stand in for native memory", CheckState.LESS
        remedy = "measure on Linux with glibc 2.33 or later"
        if facts.libc.startswith("glibc") and facts.preloaded:
            remedy = f"measure without LD_PRELOAD={_listed(facts.preloaded)}, which replaces glibc's malloc"
        elif facts.libc.startswith("glibc"):
            remedy += ", and with its own malloc: none that is preloaded or linked into the interpreter"
    return Check(part=METERS, name="native live bytes", state=state, says=says, remedy=remedy)


def _pages(facts: InterpreterFacts) -> Check:
    if "rss_bytes" in facts.readings:
        return Check(part=METERS, name="resident pages", state=CheckState.GOOD, says="from /proc/self/statm")
    remedy = "mount /proc, or measure on Linux"
    return Check(part=METERS, name="resident pages", state=CheckState.LESS, says="there is no /proc", remedy=remedy)


def _counts(facts: InterpreterFacts) -> Check:
    counted = [kind.value for kind in ResourceKind if kind in facts.readings]
    missing = [kind.value for kind in ResourceKind if kind not in facts.readings]
    says = _listed(counted) + (f"; not {_listed(missing)}" if missing else "")
    remedy = "these are read from /proc: mount it, or measure on Linux" if missing else ""
    state = CheckState.LESS if missing else CheckState.GOOD
    return Check(part=METERS, name="counted", state=state, says=says, remedy=remedy)


def _memray(facts: InterpreterFacts) -> Iterator[Check]:
    memray = facts.memray
    own = "leakcheck's own, lent to it" if memray.is_lent else "its own"
    if memray.version is None or (memray.error and not memray.sees_python):
        says = f"memray {memray.version}: {memray.error}" if memray.version else "none: no peak, no flamegraphs"
        remedy = "pip install memray into the measured Python; leakcheck lends its own to one of the same version"
        yield Check(part=TRACERS, name="memray", state=CheckState.LESS, says=says, remedy=remedy)
        return
    if not memray.sees_python:
        says, remedy = f"memray {memray.version} sees too little", "pip install --upgrade memray"
        yield Check(part=TRACERS, name="memray", state=CheckState.LESS, says=says, remedy=remedy)
        return
    yield Check(part=TRACERS, name="memray", state=CheckState.GOOD, says=f"memray {memray.version}, {own}, traces")
    says, state, remedy = "named by library and function", CheckState.GOOD, ""
    if not memray.sees_native:
        says, state = memray.error or "not seen", CheckState.LESS
        remedy = "take memray's wheel from the index: it is built with libunwind"
    elif not (memray.names_native and facts.has_maps):
        says, state = "seen, but not named", CheckState.NOTE
        remedy = "install debug symbols of your extensions" if facts.has_maps else "mount /proc: it names the libraries"
    yield Check(part=TRACERS, name="native frames", state=state, says=says, remedy=remedy)


def _blind(reading: MeterReading) -> str:
    return f"the meter saw {max(reading.seen_bytes, 0):,} of {reading.kept_bytes:,} bytes that were kept"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
