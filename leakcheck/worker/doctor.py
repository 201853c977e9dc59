"""Say what can be measured in this interpreter, by trying: known bytes are kept, and the meters are asked.

Nothing of the user's is imported. A meter that is there may be blind all the same: under a malloc
that was preloaded glibc's counters stand still.
"""

import struct
import sys
import tempfile
from importlib import metadata
from typing import Any

from leakcheck.model.protocol import PassRequest
from leakcheck.probe.allocations.memray_fallback import LENT, borrow_memray
from leakcheck.probe.allocations.native_frames import UNKNOWN
from leakcheck.probe.meters.memory import Meters
from leakcheck.probe.originals import BUILTINS, os
from leakcheck.probe.process_folder import own_folder
from leakcheck.worker.channel import Channel
from leakcheck.worker.environment import environment
from leakcheck.worker.failure import describe_trouble
from leakcheck.worker.server.memory_limit import CGROUP, RLIMIT, delegated_cgroup

__builtins__ = BUILTINS

_SMALL_OBJECTS = 10_000
_SMALL_BYTES = 16
"""What `object()` takes of pymalloc."""
_LARGE_OBJECTS, _LARGE_BYTES = 50, 50_000
_TRACED_OBJECTS, _TRACED_BYTES = 200, 400
_ALL_TRACED = _TRACED_OBJECTS * _TRACED_BYTES


def serve_examine(plan: PassRequest, channel: Channel) -> None:
    """Answer the fields of an `examination.Interpreter`."""
    try:
        channel.send("environment", environment=(own := environment()))
        channel.send("examined", interpreter={**_told(own), **_facts(plan)})
    except BaseException as error:
        channel.send("trouble", trouble=describe_trouble(error, "setup"))


def _told(own: dict[str, Any]) -> dict[str, Any]:
    kept = ("python", "implementation", "platform", "allocator", "libc", "packages")
    return {name: own[name] for name in kept}


def _facts(plan: PassRequest) -> dict[str, Any]:
    readings = Meters(()).names[1:]
    return {
        "bits": 8 * struct.calcsize("P"),
        "is_debug": hasattr(sys, "gettotalrefcount"),
        "has_gil": bool(getattr(sys, "_is_gil_enabled", lambda: True)()),
        "is_virtual": sys.prefix != sys.base_prefix,
        "preloaded": [os.path.basename(name) for name in os.environ.get("LD_PRELOAD", "").replace(":", " ").split()],
        "python_meter": _tried("python", _SMALL_OBJECTS, _SMALL_BYTES),
        "native_meter": _tried("native", _LARGE_OBJECTS, _LARGE_BYTES),
        "readings": [*readings, *(["rss_bytes"] if "rss_bytes" in Meters(("rss",)).names else [])],
        "has_maps": os.access("/proc/self/maps", os.R_OK),
        "limiter": CGROUP if delegated_cgroup() else RLIMIT,
        "tracemalloc": _has_tracemalloc(),
        # last: what it imports is not in anybody's way any more
        "memray": _memray(plan.lent_packages),
    }


def _tried(meter: str, objects: int, size: int) -> dict[str, int] | None:
    """Return what a meter reads of objects that are kept; None where there is no such meter."""
    meters = Meters((meter,))
    if f"{meter}_bytes" not in meters.names:
        return None
    kept: list[object] = [None] * objects
    before = meters.heap()
    for place in range(objects):
        kept[place] = object() if size == _SMALL_BYTES else bytes(size)
    return {"kept_bytes": objects * size, "seen_bytes": meters.heap() - before}


def _memray(lent_packages: str | None) -> dict[str, Any]:
    """Return the fields of an `examination.Tracing`, after tracing what keeps known bytes."""
    own = _version_of(LENT)
    try:
        memray = borrow_memray(lent_packages)
    except ImportError as error:
        return {"version": own, "error": str(error)}
    found: dict[str, Any] = {"version": str(getattr(memray, "__version__", own)), "is_lent": own is None}
    try:
        found["sees_python"] = bool(_traced(memray, native=False))
        frames = [frame for record in _traced(memray, native=True) for frame in record.native_stack_trace()]
        found["sees_native"] = bool(frames)
        found["names_native"] = any(function != UNKNOWN for function, _, _ in frames)
    except Exception as error:  # whatever memray makes of this platform
        found["error"] = f"{type(error).__name__}: {error}"
    return found


def _traced(memray: Any, *, native: bool) -> list[Any]:
    """Return memray's records of what holds the memory that is kept here; none where it sees less than that."""
    with tempfile.TemporaryDirectory(prefix="leakcheck-", dir=own_folder()) as folder:
        path = os.path.join(folder, "capture")
        with memray.Tracker(
            path,
            native_traces=native,
            trace_python_allocators=True,
            file_format=memray.FileFormat.AGGREGATED_ALLOCATIONS,
        ):
            kept = [bytes(_TRACED_BYTES) for _ in range(_TRACED_OBJECTS)]
        with memray.FileReader(path) as reader:
            # stacks are looked up while the file is open
            records = [
                one for one in reader.get_leaked_allocation_records(merge_threads=True) if one.size > _ALL_TRACED
            ]
            for record in records if native else ():
                record.native_stack_trace()
    del kept
    return records


def _version_of(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _has_tracemalloc() -> bool:
    try:
        import _tracemalloc  # noqa: F401 - PyPy has none
    except ImportError:
        return False
    return True
