"""Limit the memory of a server's worker, by a cgroup or by RLIMIT_DATA."""

import os
import resource

RLIMIT, CGROUP = "RLIMIT_DATA", "cgroup v2"

_CGROUPS = "/sys/fs/cgroup"


def delegated_cgroup(root: str = _CGROUPS, pid: str = "self") -> str | None:
    """Return the folder of a cgroup v2 in which children with a memory limit can be made; None if none is delegated."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
            path = next(line[3:].strip() for line in file if line.startswith("0::"))
        folder = root + path.rstrip("/")
        with open(f"{folder}/cgroup.controllers", encoding="utf-8") as file:
            if "memory" not in file.read().split():
                return None
    except (OSError, StopIteration):
        return None
    return folder if os.access(folder, os.W_OK) and os.access(f"{folder}/cgroup.subtree_control", os.W_OK) else None


def make_cgroup(parent: str, limit_bytes: int) -> str:
    """Make a child cgroup with the limit and without swap, and return its folder. Raises OSError if that is refused."""
    folder = f"{parent}/leakcheck-{os.getpid()}"
    with open(f"{parent}/cgroup.subtree_control", "w", encoding="utf-8") as file:
        file.write("+memory")
    os.makedirs(folder, exist_ok=True)
    for name, value in (("memory.max", str(limit_bytes)), ("memory.swap.max", "0"), ("memory.oom.group", "0")):
        try:
            with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
                file.write(value)
        except OSError:
            if name == "memory.max":
                raise
    return folder


def join_cgroup(folder: str) -> None:
    """Move this process into a cgroup."""
    with open(f"{folder}/cgroup.procs", "w", encoding="utf-8") as file:
        file.write(str(os.getpid()))


def limit_data(limit_bytes: int) -> None:
    """Limit the private writable memory of this process: an allocation beyond it raises MemoryError."""
    resource.setrlimit(resource.RLIMIT_DATA, (limit_bytes, limit_bytes))
