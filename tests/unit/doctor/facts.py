"""Facts of several machines, which the tests change to what they need."""

from dataclasses import replace

from leakcheck.doctor.model import InterpreterFacts, MachineFacts, MeterReading, ProjectFacts, TracerStatus
from leakcheck.model.explanation import ResourceKind
from leakcheck.runner.machine import ControlGroup

KEPT = 160_000
SEEN, BLIND = MeterReading(kept_bytes=KEPT, seen_bytes=KEPT - 48), MeterReading(kept_bytes=KEPT, seen_bytes=0)
COUNTED = ("blocks", *ResourceKind, "rss_bytes")
LINUX = InterpreterFacts(
    python="3.12.4",
    implementation="cpython",
    platform="linux-x86_64",
    allocator="pymalloc",
    libc="glibc 2.36",
    packages={"Django": "5.2", "pytest": "9.0", "pytest-leakcheck": "0.1.0"},
    bits=64,
    is_debug=False,
    has_gil=True,
    is_virtual=True,
    python_meter=SEEN,
    native_meter=SEEN,
    readings=COUNTED,
    has_maps=True,
    limiter="cgroup v2",
    memray=TracerStatus(version="1.20.0", sees_python=True, sees_native=True, names_native=True),
)
MUSL = replace(LINUX, libc="", native_meter=None)
MACOS = replace(
    MUSL,
    platform="darwin-arm64",
    readings=("blocks", "threads", "asyncio tasks", "uncollectable objects"),
    has_maps=False,
)
JEMALLOC = replace(LINUX, preloaded=("libjemalloc.so.2",), native_meter=None)
FREE_THREADED = replace(LINUX, python="3.13.1", has_gil=False, allocator="mimalloc", python_meter=None)
RAW = replace(LINUX, allocator="malloc", python_meter=BLIND)
PROJECT = ProjectFacts(
    leakcheck="0.1.0",
    python="3.12.4",
    packages={"matplotlib": "3.11"},
    measured_packages={"django": "5.2", "pytest": "9.0", "pytest-leakcheck": "0.1.0"},
    programs={"postgres": True, "mariadbd": False},
    git="git version 2.39.5",
)
GROUP = ControlGroup(version=2)
MACHINE = MachineFacts(
    system="Linux 6.1, x86_64", cores=2, all_cores=8, free_bytes=2.0**30, all_bytes=2.0**31, group=GROUP
)
