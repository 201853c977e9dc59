"""The memory and the CPU time of other processes, as the kernel reports them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPages:
    """The memory of a process, which may share most of it with the process that started it."""

    private_bytes: int
    """Memory of this process alone: what would be free if it ended."""
    proportional_bytes: int
    """The same, plus its part of the memory that several processes share (PSS); the sum over all of them is what they
    take together."""
    written_bytes: int
    """Memory without a file behind it. Copying a shared page changes the two above, but not this one, so growth is
    measured by it."""


def high_water_mark(pid: int) -> int | None:
    """Return the most resident memory that a process ever had, in bytes (VmHWM); None for one that is gone.

    Where the kernel keeps no such mark, return what is resident now.
    """
    peak = status_bytes(pid, "VmHWM:")
    if peak is not None:
        return peak
    try:
        resident: int = psutil.Process(pid).memory_info().rss
    except (psutil.Error, OSError):
        return None  # it is gone, or there is no /proc
    return resident


def status_bytes(pid: int, name: str) -> int | None:
    """Return a field of /proc/PID/status, such as `VmData:`, in bytes; None where there is none."""
    return _sizes(Path(f"/proc/{pid}/status"), (name,)).get(name)


def pages_of(pid: int) -> ProcessPages | None:
    """Return the memory of a process; None for one that is gone, or that this user may not read."""
    rollup = _sizes(Path(f"/proc/{pid}/smaps_rollup"))
    if "Anonymous:" in rollup:
        swapped = rollup.get("Swap:", 0)
        return ProcessPages(
            private_bytes=rollup.get("Private_Clean:", 0) + rollup.get("Private_Dirty:", 0) + swapped,
            proportional_bytes=rollup.get("Pss:", 0) + rollup.get("SwapPss:", swapped),
            written_bytes=rollup["Anonymous:"] + rollup.get("Pss_Shmem:", 0) + swapped,
        )
    # another user's process, or a kernel without that file: the status, which is less exact, may be read by everybody
    status = _sizes(Path(f"/proc/{pid}/status"))
    if "RssAnon:" in status:
        written = status["RssAnon:"] + status.get("RssShmem:", 0) + status.get("VmSwap:", 0)
        return ProcessPages(private_bytes=written, proportional_bytes=written, written_bytes=written)
    return None if status else _pages_from_psutil(pid)


def has_memory(pid: int) -> bool:
    """Return whether a process has memory: one that is ending has none."""
    if Path("/proc/self/status").exists():
        return bool(status_bytes(pid, "VmSize:"))
    return psutil.pid_exists(pid)


def _pages_from_psutil(pid: int) -> ProcessPages | None:
    """Return the memory of a process where there is no /proc."""
    try:
        own: int = psutil.Process(pid).memory_full_info().uss
    except (psutil.Error, AttributeError, OSError):
        return None
    return ProcessPages(private_bytes=own, proportional_bytes=own, written_bytes=own)


def _sizes(path: Path, names: tuple[str, ...] = ()) -> Mapping[str, int]:
    """Return the sizes in a file of /proc, in bytes, by their names; only those names, where any are given."""
    sizes = {}
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            for line in file:
                parts = line.split()
                if parts[-1:] == ["kB"] and (not names or parts[0] in names):
                    sizes[parts[0]] = int(parts[1]) * 1024
                    if len(sizes) == len(names):
                        break
    except (OSError, ValueError, IndexError):
        pass
    return sizes


_SAMPLE_FACTOR = 4
"""The next sample is taken after so many times the calls of the last."""
_MOST_BYTES = 16 * 1024**2
"""The longest list of mappings, some twenty thousand; a process with more is not sampled."""


class MappingSamples:
    """The mappings of a process (/proc/PID/smaps), sampled now and then while calls are replayed.

    The list is read from outside and between two blocks of calls, so it costs the process nothing.
    """

    def __init__(self) -> None:
        self._samples: list[tuple[int, str]] = []

    def take(self, pid: int, calls: int, *, last: bool = False) -> None:
        """Take a sample where these are at least four times the calls of the last sample, or it is the last one."""
        if not last and self._samples and calls < _SAMPLE_FACTOR * self._samples[-1][0]:
            return
        text = _mappings(pid)
        if text is not None:
            self._samples.append((calls, text))

    @property
    def early_and_late(self) -> tuple[tuple[int, str], tuple[int, str]] | None:
        """Return the latest sample of the first half of the calls, and the last sample: calls and text of each."""
        early = [sample for sample in self._samples[:-1] if sample[0] <= self._samples[-1][0] / 2]
        return (early[-1], self._samples[-1]) if early else None


def _mappings(pid: int) -> str | None:
    try:
        with Path(f"/proc/{pid}/smaps").open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except OSError:
        return None
    return text.decode("utf-8", "replace") if len(text) <= _MOST_BYTES else None


_NANOSECONDS = 1e-9
_FAULTS_FIELD = 7
"""The index of the minor page faults in /proc/PID/stat, counted from the field after the name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessEffort:
    """CPU time and new pages of a process and its descendants so far."""

    busy_seconds: float = 0.0
    """How long they ran or were ready to run: on a busy machine, much of it is spent in the run queue."""
    new_pages: int = 0
    """The pages of memory that they touched for the first time (minor page faults)."""


def effort_of(pid: int) -> ProcessEffort:
    """Return the effort of a process and its descendants so far; zero for one that is gone."""
    try:
        process = psutil.Process(pid)
        members = (process, *process.children(recursive=True))
    except psutil.Error:
        return ProcessEffort()
    return ProcessEffort(
        busy_seconds=sum(map(_busy_seconds, members)), new_pages=sum(_new_pages(member.pid) for member in members)
    )


def _busy_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    # including its children that have ended
    ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    busy: float = times.user + times.system + ended + _queued_seconds(process.pid)
    return busy


def _queued_seconds(pid: int) -> float:
    nanoseconds = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            nanoseconds += int(file.read_text(encoding="ascii").split()[1])
        except (OSError, ValueError, IndexError):
            pass  # the thread has ended meanwhile, or the kernel does not count this
    return nanoseconds * _NANOSECONDS


def _new_pages(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        # its own, and those of its children that have ended
        return int(fields[_FAULTS_FIELD]) + int(fields[_FAULTS_FIELD + 1])
    except (OSError, ValueError, IndexError):
        return 0
