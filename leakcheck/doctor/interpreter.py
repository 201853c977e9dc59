"""What a Python can be measured with, and why not with more: each rule makes a sentence of facts, with its remedy."""

from collections.abc import Iterator, Sequence

from leakcheck.analysis.growth.resources import COLUMNS
from leakcheck.doctor.model import Check, CheckState, InterpreterFacts, MeterReading

MEASURED_PYTHON, METERS, TRACERS = "the measured Python", "read between windows", "traced when it is explained"
_TESTED = ("3.11", "3.12", "3.13")
_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalPy"}
_EXACT_SHARE = 0.99
"""A meter is exact where it sees all that is kept; a few bytes may be given back meanwhile."""


def sees_all(seen: MeterReading | None) -> bool:
    """Tell whether a meter is there, and not blind."""
    return seen is not None and seen.seen_bytes >= _EXACT_SHARE * seen.kept_bytes


def of_interpreter(found: InterpreterFacts) -> Iterator[Check]:
    """Yield what there is to say of the Python that measures."""
    yield _python(found)
    yield _allocator(found)
    yield _library(found)
    where = "a virtual environment" if found.is_virtual else "not a virtual environment"
    yield Check(part=MEASURED_PYTHON, name="environment", state=CheckState.GOOD, says=where)
    yield _python_meter(found)
    yield _native_meter(found)
    yield _pages(found)
    yield _counts(found)
    yield from _memray(found)
    says = "there" if found.tracemalloc else "this Python has none"
    yield Check(
        part=TRACERS, name="tracemalloc", state=CheckState.GOOD if found.tracemalloc else CheckState.LESS, says=says
    )


def summary(found: InterpreterFacts) -> str:
    """Return in a sentence how growth and peak are measured there."""
    python = sees_all(found.python_meter) or _malloc_has_all(found)
    native = sees_all(found.native_meter)
    if python and native:
        growth = "growth is exact, to the byte, Python's and native"
    elif python:
        growth = "growth is exact for Python's heap, and estimated from resident pages for native memory"
    elif native:
        growth = "growth is exact for native memory, and estimated from the number of blocks for Python's heap"
    else:
        growth = "growth is estimated, from Python's blocks and resident pages"
    peak = "the peak is traced by memray" if found.memray.sees_python else "no peak can be measured"
    return f"{growth}; {peak}"


def _malloc_has_all(found: InterpreterFacts) -> bool:
    """Tell whether Python takes all of its memory from malloc, so that malloc's meter is enough."""
    return found.allocator.startswith("malloc") and sees_all(found.native_meter)


def _python(found: InterpreterFacts) -> Check:
    name = _IMPLEMENTATIONS.get(found.implementation, found.implementation)
    kind = f"{found.bits} bit{', debug build' if found.is_debug else ''}{'' if found.has_gil else ', without the GIL'}"
    state, remedy = CheckState.GOOD, ""
    if found.implementation != "cpython":
        state, remedy = CheckState.LESS, "measure in CPython, with --python"
    elif not found.has_gil:
        state, remedy = (
            CheckState.LESS,
            "measure in a build with the GIL: without it Python's live bytes cannot be read",
        )
    elif ".".join(found.python.split(".")[:2]) not in _TESTED:
        state, remedy = CheckState.NOTE, f"leakcheck is tested on CPython {_TESTED[0]} to {_TESTED[-1]}"
    elif found.is_debug:
        state, remedy = CheckState.NOTE, "a debug build's objects are larger: keep its baseline apart"
    return Check(part=MEASURED_PYTHON, name="Python", state=state, says=f"{name} {found.python}, {kind}", remedy=remedy)


def _allocator(found: InterpreterFacts) -> Check:
    says, state, remedy = found.allocator, CheckState.GOOD, ""
    if found.preloaded:
        says, state = f"{says}; LD_PRELOAD brings {_listed(found.preloaded)}", CheckState.NOTE
        remedy = "what is preloaded may replace malloc, and then its meter is blind; see below"
    elif found.allocator != "pymalloc":
        state, remedy = CheckState.NOTE, "sizes are this allocator's: a baseline of another one does not compare"
    return Check(part=MEASURED_PYTHON, name="allocator", state=state, says=says, remedy=remedy)


def _library(found: InterpreterFacts) -> Check:
    if found.libc.startswith("glibc"):
        return Check(part=MEASURED_PYTHON, name="C library", state=CheckState.GOOD, says=found.libc)
    says = found.libc or f"not glibc, on {found.platform}"
    remedy = "only Linux with glibc is tested; in a container take an image that is not Alpine's"
    return Check(part=MEASURED_PYTHON, name="C library", state=CheckState.NOTE, says=says, remedy=remedy)


def _python_meter(found: InterpreterFacts) -> Check:
    says, state, remedy = "exact", CheckState.GOOD, ""
    if _malloc_has_all(found):
        says = "exact: PYTHONMALLOC hands all to malloc, whose meter has them"
    elif found.python_meter is None:
        says, state = "cannot be read: the number of blocks stands in, with bounds that say so", CheckState.LESS
        remedy = "measure in CPython with the GIL, on Linux or macOS"
    elif not sees_all(found.python_meter):
        says, state = (
            f"{_blind(found.python_meter)}: PYTHONMALLOC hands them to a malloc without a meter",
            CheckState.LESS,
        )
        remedy = "unset PYTHONMALLOC"
    return Check(part=METERS, name="Python's live bytes", state=state, says=says, remedy=remedy)


def _native_meter(found: InterpreterFacts) -> Check:
    says, state, remedy = "exact, by mallinfo2", CheckState.GOOD, ""
    if not sees_all(found.native_meter):
        says, state = "cannot be read: resident pages stand in for native memory", CheckState.LESS
        remedy = "measure on Linux with glibc 2.33 or later"
        if found.libc.startswith("glibc") and found.preloaded:
            remedy = f"measure without LD_PRELOAD={_listed(found.preloaded)}, which replaces glibc's malloc"
        elif found.libc.startswith("glibc"):
            remedy += ", and with its own malloc: none that is preloaded or linked into the interpreter"
    return Check(part=METERS, name="native live bytes", state=state, says=says, remedy=remedy)


def _pages(found: InterpreterFacts) -> Check:
    if "rss_bytes" in found.readings:
        return Check(part=METERS, name="resident pages", state=CheckState.GOOD, says="from /proc/self/statm")
    remedy = "mount /proc, or measure on Linux"
    return Check(part=METERS, name="resident pages", state=CheckState.LESS, says="there is no /proc", remedy=remedy)


def _counts(found: InterpreterFacts) -> Check:
    there = [kind.value for kind, column in COLUMNS.items() if column in found.readings]
    missing = [kind.value for kind, column in COLUMNS.items() if column not in found.readings]
    says = _listed(there) + (f"; not {_listed(missing)}" if missing else "")
    remedy = "these are read from /proc: mount it, or measure on Linux" if missing else ""
    state = CheckState.LESS if missing else CheckState.GOOD
    return Check(part=METERS, name="counted", state=state, says=says, remedy=remedy)


def _memray(found: InterpreterFacts) -> Iterator[Check]:
    memray = found.memray
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
    elif not (memray.names_native and found.has_maps):
        says, state = "seen, but not named", CheckState.NOTE
        remedy = "install debug symbols of your extensions" if found.has_maps else "mount /proc: it names the libraries"
    yield Check(part=TRACERS, name="native frames", state=state, says=says, remedy=remedy)


def _blind(seen: MeterReading) -> str:
    return f"the meter saw {max(seen.seen_bytes, 0):,} of {seen.kept_bytes:,} bytes that were kept"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
