"""Checks of the measured Python: its allocator, meters and tracers."""

from collections.abc import Sequence

from leakcheck.doctor.checks import Checks, Problem, check, note
from leakcheck.doctor.model import InterpreterFacts, MeterReading
from leakcheck.model.explanation import ResourceKind

_TESTED = ("3.11", "3.12", "3.13")
_IMPLEMENTATIONS = {"cpython": "CPython", "pypy": "PyPy", "graalpy": "GraalPy"}
_EXACT_SHARE = 0.99
"""A meter is exact if it sees all retained bytes; a few others may be freed meanwhile."""


def _is_exact(reading: MeterReading | None) -> bool:
    return reading is not None and reading.seen_bytes >= _EXACT_SHARE * reading.kept_bytes


def _malloc_has_all(facts: InterpreterFacts) -> bool:
    """Return whether Python allocates everything with malloc, so that the meter of malloc is sufficient."""
    return facts.allocator.startswith("malloc") and _is_exact(facts.native_meter)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _python(facts: InterpreterFacts) -> str:
    name = _IMPLEMENTATIONS.get(facts.implementation, facts.implementation)
    kind = f"{facts.bits}-bit{', debug build' if facts.is_debug else ''}{'' if facts.has_gil else ', without the GIL'}"
    return f"{name} {facts.python}, {kind}"


MEASURED_PYTHON: Checks[InterpreterFacts] = (
    check(
        "Python",
        _python,
        Problem(lambda python: python.implementation != "cpython", "measure with CPython: name one with --python"),
        Problem(
            lambda python: not python.has_gil,
            "measure with a build that has the GIL: without it, Python's live bytes cannot be read",
        ),
        note(
            lambda python: ".".join(python.python.split(".")[:2]) not in _TESTED,
            f"leakcheck is tested with CPython {_TESTED[0]} to {_TESTED[-1]}",
        ),
        note(lambda python: python.is_debug, "keep a separate baseline for debug builds: their objects are larger"),
    ),
    check(
        "allocator",
        lambda python: python.allocator,
        note(
            lambda python: python.preloaded,
            "a preloaded library may replace malloc; the meters below show whether this one does",
            lambda python: f"{python.allocator}; LD_PRELOAD loads {_listed(python.preloaded)}",
        ),
        note(
            lambda python: python.allocator != "pymalloc",
            "keep a separate baseline for this allocator: its sizes differ from pymalloc's",
        ),
    ),
    check(
        "C library",
        lambda python: python.libc or f"not glibc, on {python.platform}",
        note(
            lambda python: not python.libc.startswith("glibc"),
            "leakcheck is tested on Linux with glibc; in a container, use an image that is not based on Alpine",
        ),
    ),
    check("environment", lambda python: "virtual environment" if python.is_virtual else "not a virtual environment"),
)


def _python_meter(facts: InterpreterFacts) -> str:
    return "exact, within native live bytes: PYTHONMALLOC selects malloc" if _malloc_has_all(facts) else "exact"


def _blind_python_meter(facts: InterpreterFacts) -> str:
    if facts.python_meter is None:
        return "not readable; estimated from the number of allocated blocks"
    counted = f"{max(facts.python_meter.seen_bytes, 0):,} of {facts.python_meter.kept_bytes:,} bytes"
    return f"the meter counted {counted}: PYTHONMALLOC selects a malloc that has no meter"


def _blind_native_meter_remedy(facts: InterpreterFacts) -> str:
    if facts.libc.startswith("glibc") and facts.preloaded:
        return f"measure without LD_PRELOAD={_listed(facts.preloaded)}, which replaces glibc's malloc"
    return "measure on Linux with glibc 2.33 or later, and an interpreter that uses glibc's malloc"


def _resources(facts: InterpreterFacts) -> str:
    missing = [kind.value for kind in ResourceKind if kind not in facts.readings]
    counted = [kind.value for kind in ResourceKind if kind in facts.readings]
    return _listed(counted) + (f"; not {_listed(missing)}" if missing else "")


METERS: Checks[InterpreterFacts] = (
    check(
        "Python's live bytes",
        _python_meter,
        Problem(
            lambda python: not (_is_exact(python.python_meter) or _malloc_has_all(python)),
            lambda python: (
                "unset PYTHONMALLOC" if python.python_meter else "measure with CPython with the GIL, on Linux or macOS"
            ),
            _blind_python_meter,
        ),
    ),
    check(
        "native live bytes",
        "exact (mallinfo2)",
        Problem(
            lambda python: not _is_exact(python.native_meter),
            _blind_native_meter_remedy,
            "not readable; estimated from resident pages",
        ),
    ),
    check(
        "resident pages",
        "from /proc/self/statm",
        Problem(
            lambda python: "rss_bytes" not in python.readings,
            "mount /proc, or measure on Linux",
            "not readable: there is no /proc",
        ),
    ),
    check(
        "resources",
        _resources,
        Problem(
            lambda python: not set(ResourceKind) <= set(python.readings),
            "mount /proc, from which these are read, or measure on Linux",
        ),
    ),
)


def _memray(facts: InterpreterFacts) -> str:
    if facts.memray.version is None:
        return "not installed; no peaks and no flamegraphs"
    owner = "leakcheck's" if facts.memray.is_lent else "the project's"
    state = "working" if facts.memray.sees_python else facts.memray.error or "but it does not see all allocations"
    return f"{facts.memray.version} (from {owner} environment), {state}"


TRACERS: Checks[InterpreterFacts] = (
    check(
        "memray",
        _memray,
        Problem(
            lambda python: python.memray.version is not None and not (python.memray.sees_python or python.memray.error),
            "pip install --upgrade memray",
        ),
        Problem(
            lambda python: not python.memray.sees_python,
            "pip install memray in the measured environment; leakcheck lends its own to the same Python version",
        ),
    ),
    check(
        "native frames",
        "named by library and function",
        Problem(
            lambda python: not python.memray.sees_native,
            "install memray's wheel from PyPI: it is built with libunwind",
            lambda python: python.memray.error or "not available",
        ),
        note(
            lambda python: not (python.memray.names_native and python.has_maps),
            lambda python: (
                "install debug symbols of your extensions"
                if python.has_maps
                else "mount /proc, which names the libraries"
            ),
            "available, but without names",
        ),
        applies=lambda python: python.memray.sees_python,
    ),
    check(
        "tracemalloc",
        "available",
        Problem(lambda python: not python.tracemalloc, "measure with CPython", "not available in this Python"),
    ),
)

HEADING = "Measured Python"
INTERPRETER_GROUPS = {HEADING: MEASURED_PYTHON, "Meters": METERS, "Tracers": TRACERS}


def summary(facts: InterpreterFacts) -> str:
    """Return in one sentence how growth and peak are measured."""
    python = _is_exact(facts.python_meter) or _malloc_has_all(facts)
    native = _is_exact(facts.native_meter)
    if python and native:
        growth = "Growth is exact to the byte, for Python and native memory"
    elif python:
        growth = "Growth is exact for Python memory, and estimated from resident pages for native memory"
    elif native:
        growth = "Growth is exact for native memory, and estimated from the number of blocks for Python memory"
    else:
        growth = "Growth is estimated from the number of Python's blocks and from resident pages"
    return f"{growth}; {'memray measures the peak' if facts.memray.sees_python else 'the peak cannot be measured'}."
