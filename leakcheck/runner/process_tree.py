"""The processes that descend from a measured one: find them, read their memory, and end them.

A child may leave the process group, lose its parent and start children of its own. So this process adopts the orphans
below it (it is a "subreaper", see prctl(2)), remembers each process that it once saw below the measured one, and gives
the measured process an environment variable that its descendants inherit. No other process is ever signalled.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from leakcheck.model.child_processes import ChildrenReading, count_of_children
from leakcheck.runner.child_process import is_own_process
from leakcheck.runner.process_table import (
    ProcessId,
    ProcessStatus,
    children_of,
    environment_of,
    outlasts_signals,
    reap,
    send,
    status_of,
    wait_for_end,
)
from leakcheck.runner.process_usage import ProcessPages, has_memory, high_water_mark, pages_of

MARK = "LEAKCHECK_PROCESS"
"""The environment variable that identifies the measured process that a process descends from."""

LEFT_RUNNING = "LEAKCHECK_LEAVE_RUNNING"
"""Set in the environment of a server that several measurements share: its starter ends it, and leakcheck does not."""

_SET_CHILD_SUBREAPER = 36
_CLEANUP_SECONDS = 2.0
_ENDING_SECONDS = 5.0
_MOST_ROUNDS = 50
_CHEAP_SECONDS, _SHARE_OF_TIME = 0.005, 1 / 20
"""Reading very many processes, or very large ones, takes longer than the first; it then gets this share of the time."""


class _ThisProcess:
    """This process: whether it adopts orphans, and which measured processes it has started."""

    def __init__(self) -> None:
        self.adopts = False
        self.since: float | None = None
        """When the first measured process started: an older orphan descends from none of them."""
        self.measured: dict[str, int] = {}
        """The pids of the measured processes that are not ended, by their marks; 0 for one that is being started."""

    def adopt(self) -> None:
        if not self.adopts and sys.platform == "linux":
            self.adopts = ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


_THIS_PROCESS = _ThisProcess()


class ProcessTree:
    """The processes that descend from one process."""

    def __init__(self, mark: str = "", *, root: int = 0, besides: Collection[int] = ()) -> None:
        """Watch the descendants of `root`, or of the process that `set_root` names, whose environment has this mark."""
        self._mark, self._root, self._besides = mark, root, frozenset(besides)
        self._known: set[ProcessId] = set()
        self._first: dict[ProcessId, ProcessPages] = {}
        self._next_reading_after = 0.0
        if mark:
            _THIS_PROCESS.adopt()
            _THIS_PROCESS.measured[mark] = 0

    def set_root(self, pid: int) -> None:
        """Set the pid of the measured process once it is started."""
        self._root = _THIS_PROCESS.measured[self._mark] = pid
        status = status_of(pid)
        if _THIS_PROCESS.since is None and status is not None:
            _THIS_PROCESS.since = status.process.start

    def forget(self) -> None:
        """Forget the mark: the measured process has ended, or was never started."""
        _THIS_PROCESS.measured.pop(self._mark, None)

    def living(self) -> list[ProcessId]:
        """Return the running descendants, without those that are to be left running."""
        to_visit = [(pid, self._root) for pid in (children_of(self._root) if self._root else ())]
        to_visit += [(pid, os.getpid()) for pid in self._adopted()]
        to_visit += [(process.pid, 0) for process in self._known]
        alive: dict[int, ProcessId] = {}
        while to_visit:
            pid, parent = to_visit.pop()
            if pid in alive or pid in self._besides or (status := status_of(pid)) is None:
                continue
            # the pid may belong to another process by now
            if status.parent != parent if parent else status.process not in self._known:
                continue
            if not status.is_over:
                alive[pid] = status.process
            to_visit += [(child, pid) for child in children_of(pid)]
        running = [process for process in alive.values() if not is_left_running(process.pid)]
        self._known = set(running)
        return running

    def _adopted(self) -> Iterator[int]:
        """Yield the pids of adopted orphans that have this mark; reap those that have ended."""
        if not self._mark or not _THIS_PROCESS.adopts:
            return
        for pid in children_of(os.getpid(), of_main_thread=True):
            if pid in list(_THIS_PROCESS.measured.values()) or (status := status_of(pid)) is None:
                continue
            # only processes that this one started are in its session
            if status.session == os.getsid(0) or status.parent != os.getpid():
                continue
            if status.is_over:
                if is_own_process() or status.process in self._known:
                    reap(status.process)
            elif self._has_mark(status):
                yield pid

    def _has_mark(self, status: ProcessStatus) -> bool:
        variables = environment_of(status.process.pid)
        if f"{MARK}={self._mark}".encode() in variables:
            return True
        if any(variable.startswith(f"{MARK}=".encode()) for variable in variables):
            return False
        # pid 1 of a container adopts the orphans of all other processes too
        is_only_source = is_own_process() and os.getpid() != 1 and len(_THIS_PROCESS.measured) == 1
        return is_only_source and _THIS_PROCESS.since is not None and status.process.start >= _THIS_PROCESS.since

    def reading(self) -> ChildrenReading:
        """Return what the running descendants take, and what each has gained since its first reading.

        One that did not run at the last reading does not count yet: it may end with the call that started it.
        """
        before, first = self._first, {}
        own_bytes, gained_bytes = 0, 0
        unmeasured: set[ProcessId] = set()
        for process in self.living():
            pages = pages_of(process.pid)
            if pages is not None:
                first[process] = before.get(process, pages)
                # at first a forked process shares nearly all memory with its parent, which must not count twice
                own_bytes += first[process].private_bytes
                gained_bytes += pages.written_bytes - first[process].written_bytes
            elif has_memory(process.pid):
                unmeasured.add(process)
                first[process] = ProcessPages(private_bytes=0, proportional_bytes=0, written_bytes=0)
        self._first = first
        return ChildrenReading(
            processes=len(first.keys() & before.keys()),
            unmeasured=len(unmeasured & before.keys()),
            held_bytes=own_bytes + gained_bytes,
            gained_bytes=gained_bytes,
        )

    def where_above(self, limit_bytes: float, answer: Mapping[str, Any]) -> str | None:
        """Return which processes exceeded the limit, as a phrase for the message, empty for the root alone; else None.

        `answer` is the last one of the measured process, which reports what its largest ended child took.
        """
        own = high_water_mark(self._root) or 0
        if own > limit_bytes:
            return ""
        ended = answer.get("largest_child_bytes")
        if isinstance(ended, int) and ended > limit_bytes:
            return ", in a child process,"
        count, taken = self.together(own, limit_bytes)
        return f", with {count_of_children(count)}," if taken > limit_bytes else None

    def together(self, own_bytes: int, limit_bytes: float) -> tuple[int, int]:
        """Return the number of descendants, and the memory of all processes; `own_bytes` is the peak of the root.

        The memory is exact only where it may exceed the limit: it takes long to find out what processes share. Where a
        reading takes long, some calls return 0 and the root's memory alone.
        """
        began = time.monotonic()
        if began < self._next_reading_after:
            return 0, own_bytes
        count, taken = self._together(own_bytes, limit_bytes)
        cost = time.monotonic() - began
        self._next_reading_after = began + cost / _SHARE_OF_TIME if cost > _CHEAP_SECONDS else 0.0
        return count, taken

    def _together(self, own_bytes: int, limit_bytes: float) -> tuple[int, int]:
        processes = self.living()
        marks = [high_water_mark(process.pid) or 0 for process in processes]
        rough, most = own_bytes + sum(marks), max([own_bytes, *marks])
        if rough <= limit_bytes or most > limit_bytes:
            return len(processes), rough if rough <= limit_bytes else most
        pages = [own for process in processes if (own := pages_of(process.pid)) is not None]
        root = pages_of(self._root)
        private = own_bytes + sum(process_pages.private_bytes for process_pages in pages)
        shared = sum(process_pages.proportional_bytes for process_pages in [*pages, *([] if root is None else [root])])
        return len(processes), max(most, private, shared)

    def signal(self, number: int) -> None:
        """Signal the descendants, except those that wait for the end of others."""
        for process in self.living():
            if not outlasts_signals(process):
                send(process, number)

    def end(self) -> None:
        """End the measured process and its descendants. Those that clean up after others get time to do so."""
        for _ in range(_MOST_ROUNDS):
            processes = self._stop_all()
            if not processes:
                return
            cleaning = [process for process in processes if outlasts_signals(process)]
            others = [process for process in processes if process not in cleaning]
            root = status_of(self._root)
            for process in [*([] if root is None else [root.process]), *others]:
                send(process, signal.SIGKILL)
            for process in cleaning:
                send(process, signal.SIGCONT)
            for process in wait_for_end(cleaning, _CLEANUP_SECONDS):
                send(process, signal.SIGKILL)
            if wait_for_end(processes, _ENDING_SECONDS):
                return  # processes of another user cannot be ended

    def _stop_all(self) -> list[ProcessId]:
        """Stop all descendants and return them: a stopped process starts no other while they are listed."""
        stopped: dict[ProcessId, None] = {}
        root = status_of(self._root)
        for _ in range(_MOST_ROUNDS):
            new = [process for process in self.living() if process not in stopped]
            if not new:
                break
            if not stopped and root is not None:
                send(root.process, signal.SIGSTOP)
            for process in new:
                send(process, signal.SIGSTOP)
                stopped[process] = None
        return list(stopped)


def is_left_running(pid: int) -> bool:
    """Return whether a process is to outlive the measurement: its environment has `LEFT_RUNNING`."""
    return any(variable.startswith(f"{LEFT_RUNNING}=".encode()) for variable in environment_of(pid))
