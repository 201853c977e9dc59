"""What the kernel tells of the memory of another process."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPages:
    """The memory of a process that was started by another one, with whom it may share most of it."""

    private_bytes: int
    """Nobody else has it: what would be free if this process ended."""
    proportional_bytes: int
    """The same, with its part of what several processes share (PSS): of all of them together it is what they take."""
    written_bytes: int
    """Memory without a file behind it. A copy made of a page that was shared is no change of it, as it is of the two
    above, so this is what is looked at for growth."""


def high_water_mark(pid: int) -> int | None:
    """Return the most resident memory that a process ever had, in bytes (VmHWM); None for one that is gone.

    Where the kernel keeps no such mark, what is resident now.
    """
    peak = status_bytes(pid, "VmHWM:")
    if peak is not None:
        return peak
    try:
        resident: int = psutil.Process(pid).memory_info().rss
    except (psutil.Error, OSError):
        return None  # or there is no /proc
    return resident


def status_bytes(pid: int, name: str) -> int | None:
    """Return a line of a process's status in bytes; None where there is none."""
    return _sizes(Path(f"/proc/{pid}/status"), (name,)).get(name)


def pages_of(pid: int) -> ProcessPages | None:
    """Return what a process takes; None for one that is gone, or of which we may not know."""
    rollup = _sizes(Path(f"/proc/{pid}/smaps_rollup"))
    if "Anonymous:" in rollup:
        swapped = rollup.get("Swap:", 0)
        return ProcessPages(
            private_bytes=rollup.get("Private_Clean:", 0) + rollup.get("Private_Dirty:", 0) + swapped,
            proportional_bytes=rollup.get("Pss:", 0) + rollup.get("SwapPss:", swapped),
            written_bytes=rollup["Anonymous:"] + rollup.get("Pss_Shmem:", 0) + swapped,
        )
    # another user's, or a kernel without that file: everybody may read the status, which is rougher
    status = _sizes(Path(f"/proc/{pid}/status"))
    if "RssAnon:" in status:
        written = status["RssAnon:"] + status.get("RssShmem:", 0) + status.get("VmSwap:", 0)
        return ProcessPages(private_bytes=written, proportional_bytes=written, written_bytes=written)
    return None if status else _pages_elsewhere(pid)


def has_memory(pid: int) -> bool:
    """Tell whether a process has memory, and is not just ending."""
    if Path("/proc/self/status").exists():
        return bool(status_bytes(pid, "VmSize:"))
    return psutil.pid_exists(pid)


def _pages_elsewhere(pid: int) -> ProcessPages | None:
    """Return what psutil tells, where there is no /proc."""
    try:
        own: int = psutil.Process(pid).memory_full_info().uss
    except (psutil.Error, AttributeError, OSError):
        return None
    return ProcessPages(private_bytes=own, proportional_bytes=own, written_bytes=own)


def _sizes(path: Path, names: tuple[str, ...] = ()) -> Mapping[str, int]:
    """Return the lines of a file of the kernel's that tell a size, in bytes; those with these names, where some are."""
    found = {}
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            for line in file:
                parts = line.split()
                if parts[-1:] == ["kB"] and (not names or parts[0] in names):
                    found[parts[0]] = int(parts[1]) * 1024
                    if len(found) == len(names):
                        break
    except (OSError, ValueError, IndexError):
        pass
    return found


_FURTHER = 4
"""Times the calls of the look before."""
_MOST_BYTES = 16 * 1024**2
"""Of a list of mappings; a process with more, some twenty thousand, is not looked at."""


class MappingSamples:
    """The mappings of a process as the kernel lists them, now and then while calls are replayed.

    The list is read from outside and between two blocks of calls, so it costs the process nothing.
    """

    def __init__(self) -> None:
        self._taken: list[tuple[int, str]] = []

    def take(self, pid: int | None, calls: int, *, last: bool = False) -> None:
        """Look after so many calls, where they are four times those of the look before, or it is the last."""
        if pid is None or (not last and self._taken and calls < _FURTHER * self._taken[-1][0]):
            return
        text = _mappings(pid)
        if text is not None:
            self._taken.append((calls, text))

    @property
    def early_and_late(self) -> tuple[tuple[int, str], tuple[int, str]] | None:
        """Return the last look, and the one before that lies furthest into the first half of the calls."""
        early = [look for look in self._taken[:-1] if look[0] <= self._taken[-1][0] / 2]
        return (early[-1], self._taken[-1]) if early else None


def _mappings(pid: int) -> str | None:
    try:
        with Path(f"/proc/{pid}/smaps").open("rb") as file:
            listed = file.read(_MOST_BYTES + 1)
    except OSError:
        return None
    return listed.decode("utf-8", "replace") if len(listed) <= _MOST_BYTES else None


_NANOSECONDS = 1e-9
_FAULTS_FIELD = 7
"""Where /proc/PID/stat has the minor page faults, counted behind the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEffort:
    """What a process and those that it has started did so far."""

    busy_seconds: float = 0.0
    """How long they ran or wanted to run: on a busy machine much of it is spent in the run queue."""
    new_pages: int = 0
    """The pages of memory that they touched for the first time."""

    def __add__(self, other: "ProcessEffort") -> "ProcessEffort":
        return ProcessEffort(
            busy_seconds=self.busy_seconds + other.busy_seconds, new_pages=self.new_pages + other.new_pages
        )


def effort_of(pid: int) -> ProcessEffort:
    """Return what a process did so far; nothing for one that is gone."""
    try:
        process = psutil.Process(pid)
        return sum((_effort_of_one(one) for one in (process, *process.children(recursive=True))), ProcessEffort())
    except psutil.Error:
        return ProcessEffort()


def _effort_of_one(process: psutil.Process) -> ProcessEffort:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return ProcessEffort()
    # with its children that have ended
    ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    busy: float = times.user + times.system + ended + _queued_seconds(process.pid)
    return ProcessEffort(busy_seconds=busy, new_pages=_new_pages(process.pid))


def _queued_seconds(pid: int) -> float:
    nanoseconds = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            nanoseconds += int(file.read_text(encoding="ascii").split()[1])
        except (OSError, ValueError, IndexError):
            pass  # it has ended meanwhile, or the kernel keeps no such count
    return nanoseconds * _NANOSECONDS


def _new_pages(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        # its own, and those of its children that have ended
        return int(fields[_FAULTS_FIELD]) + int(fields[_FAULTS_FIELD + 1])
    except (OSError, ValueError, IndexError):
        return 0
