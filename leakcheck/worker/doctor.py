"""Check what can be measured in this interpreter: keep a known number of bytes and read each meter.

A meter that exists may still see nothing: under a preloaded malloc glibc's counters do not move. Nothing of the user's
code is imported.
"""

import struct
import sys
import tempfile
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from leakcheck.model.protocol import PassRequest
from leakcheck.probe.allocations.memray_fallback import MEMRAY, load_memray, track_all
from leakcheck.probe.allocations.native_frames import UNKNOWN_NAME
from leakcheck.probe.meters.memory import Meters
from leakcheck.probe.originals import BUILTINS, os
from leakcheck.probe.process_environment import own_folder
from leakcheck.worker.channel import Channel
from leakcheck.worker.environment import environment
from leakcheck.worker.failure import describe_failure
from leakcheck.worker.server.memory_limit import CGROUP, RLIMIT, delegated_cgroup

__builtins__ = BUILTINS

_SMALL_OBJECTS = 10_000
_SMALL_BYTES = 16
"""Bytes that pymalloc hands out for `object()`."""
_LARGE_OBJECTS, _LARGE_BYTES = 50, 50_000
_TRACED_OBJECTS, _TRACED_BYTES = 200, 400
_ALL_TRACED = _TRACED_OBJECTS * _TRACED_BYTES


def serve_doctor(pass_request: PassRequest, channel: Channel) -> None:
    """Send the environment and the fields of an `InterpreterFacts`."""
    try:
        fields = environment()
        channel.send("environment", environment=fields)
        kept = ("python", "implementation", "platform", "allocator", "libc", "packages")
        interpreter = {**{name: fields[name] for name in kept}, **_interpreter_facts(pass_request)}
        channel.send("examined", interpreter=interpreter)
    except BaseException as error:
        channel.send("failure", failure=describe_failure(error, "setup"))


def _interpreter_facts(pass_request: PassRequest) -> dict[str, Any]:
    readings = Meters(()).names[1:]
    return {
        "bits": 8 * struct.calcsize("P"),
        "is_debug": hasattr(sys, "gettotalrefcount"),
        "has_gil": bool(getattr(sys, "_is_gil_enabled", lambda: True)()),
        "is_virtual": sys.prefix != sys.base_prefix,
        "preloaded": [os.path.basename(name) for name in os.environ.get("LD_PRELOAD", "").replace(":", " ").split()],
        "python_meter": _try_meter("python", _SMALL_OBJECTS, _SMALL_BYTES),
        "native_meter": _try_meter("native", _LARGE_OBJECTS, _LARGE_BYTES),
        "readings": [*readings, *(["rss_bytes"] if "rss_bytes" in Meters(("rss",)).names else [])],
        "has_maps": os.access("/proc/self/maps", os.R_OK),
        "limiter": CGROUP if delegated_cgroup() else RLIMIT,
        "tracemalloc": find_spec("_tracemalloc") is not None,  # PyPy has none
        # last, because what it imports would disturb the readings above
        "memray": _try_memray(pass_request.memray_fallback),
    }


def _try_meter(meter: str, objects: int, size: int) -> dict[str, int] | None:
    """Return how many bytes are kept and how many of them the meter reads; None if there is no such meter."""
    meters = Meters((meter,))
    if f"{meter}_bytes" not in meters.names:
        return None
    objects_kept: list[object] = [None] * objects
    before = meters.heap()
    for index in range(objects):
        objects_kept[index] = object() if size == _SMALL_BYTES else bytes(size)
    return {"kept_bytes": objects * size, "seen_bytes": meters.heap() - before}


def _try_memray(lent_packages: str | None) -> dict[str, Any]:
    """Return the fields of a `TracerStatus`, after tracing allocations of a known size."""
    own_version = _version_of(MEMRAY)
    try:
        memray = load_memray(lent_packages)
    except ImportError as error:
        return {"version": own_version, "error": str(error)}
    result: dict[str, Any] = {
        "version": str(getattr(memray, "__version__", own_version)),
        "is_lent": own_version is None,
    }
    try:
        result["sees_python"] = bool(_traced_records(memray, native=False))
        frames = [frame for record in _traced_records(memray, native=True) for frame in record.native_stack_trace()]
        result["sees_native"] = bool(frames)
        result["names_native"] = any(function != UNKNOWN_NAME for function, _, _ in frames)
    except Exception as error:  # whatever memray makes of this platform
        result["error"] = f"{type(error).__name__}: {error}"
    return result


def _traced_records(memray: Any, *, native: bool) -> list[Any]:
    """Return memray's records that cover the memory kept here; none if it sees less than that."""
    with tempfile.TemporaryDirectory(prefix="leakcheck-", dir=own_folder()) as folder:
        path = os.path.join(folder, "capture")
        with track_all(memray, path, native=native):
            kept = [bytes(_TRACED_BYTES) for _ in range(_TRACED_OBJECTS)]
        with memray.FileReader(path) as reader:
            # stacks can only be read while the file is open
            records = [
                record
                for record in reader.get_leaked_allocation_records(merge_threads=True)
                if record.size > _ALL_TRACED
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
