"""All processes that descend from a measured one: what they take, and their end.

A child may leave the process group, lose its parent and start children of its own. So this process adopts whatever
becomes an orphan below it (it is a "subreaper", prctl(2)), what was once seen below the measured process is remembered,
and the measured process has a variable in its environment that all it starts inherit. Nothing else is ever signalled.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from leakcheck.model.child_processes import ChildrenReading, count_of_children
from leakcheck.runner.process_table import (
    ProcessId,
    ProcessStatus,
    children_of,
    environment_of,
    outlasts_signals,
    reap,
    send,
    status_of,
    wait_for_the_end,
)
from leakcheck.runner.process_usage import ProcessPages, has_memory, high_water_mark, pages_of
from leakcheck.runner.worker_limits import is_own_process

MARK = "LEAKCHECK_PROCESS"
"""The variable that tells which measured process a process descends from."""

LEFT_RUNNING = "LEAKCHECK_LEAVE_RUNNING"
"""Who starts a server that several measurements share gives it this variable, and sees to its end himself."""

_SET_CHILD_SUBREAPER = 36
_TIDYING_SECONDS = 2.0
_ENDING_SECONDS = 5.0
_MOST_ROUNDS = 50
_CHEAP_SECONDS, _SHARE_OF_TIME = 0.005, 1 / 20
"""A look at very many processes, or at very large ones, costs more than the first, and then this share of the time."""


class _ThisProcess:
    """This process: what it adopts, and which measured processes it has started."""

    def __init__(self) -> None:
        self.adopts = False
        self.since: float | None = None
        """When the first measured process began: an orphan that is older is nobody's of ours."""
        self.measured: dict[str, int] = {}
        """The pid of each measured process that has not been ended, by its mark; 0 while it is being started."""

    def adopt(self) -> None:
        if not self.adopts and sys.platform == "linux":
            self.adopts = ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


_HOST = _ThisProcess()


class ProcessTree:
    """The processes that descend from one process."""

    def __init__(self, mark: str = "", *, root: int = 0, besides: Collection[int] = ()) -> None:
        """Watch below `root`, or below the process that is named by `born` and has this mark in its environment."""
        self._mark, self._root, self._besides = mark, root, frozenset(besides)
        self._seen: set[ProcessId] = set()
        self._first: dict[ProcessId, ProcessPages] = {}
        self._look_again_after = 0.0
        if mark:
            _HOST.adopt()
            _HOST.measured[mark] = 0

    def born(self, pid: int) -> None:
        """Take the measured process, which has been started."""
        self._root = _HOST.measured[self._mark] = pid
        status = status_of(pid)
        if _HOST.since is None and status is not None:
            _HOST.since = status.process.start

    def forget(self) -> None:
        """Let go of the mark: the measured process has ended, or was never started."""
        _HOST.measured.pop(self._mark, None)

    def living(self) -> list[ProcessId]:
        """Return those that run, without those that are to be left running."""
        waiting = [(pid, self._root) for pid in (children_of(self._root) if self._root else ())]
        waiting += [(pid, os.getpid()) for pid in self._adopted()]
        waiting += [(process.pid, 0) for process in self._seen]
        found: dict[int, ProcessId] = {}
        while waiting:
            pid, parent = waiting.pop()
            if pid in found or pid in self._besides or (status := status_of(pid)) is None:
                continue
            # a pid may be another's by now
            if status.parent != parent if parent else status.process not in self._seen:
                continue
            if not status.is_over:
                found[pid] = status.process
            waiting += [(child, pid) for child in children_of(pid)]
        running = [process for process in found.values() if not is_left_running(process.pid)]
        self._seen = set(running)
        return running

    def _adopted(self) -> Iterator[int]:
        """Yield the orphans that this process has adopted and that are of this mark; wait for those that ended."""
        if not self._mark or not _HOST.adopts:
            return
        for pid in children_of(os.getpid(), of_main_thread=True):
            if pid in list(_HOST.measured.values()) or (status := status_of(pid)) is None:
                continue
            # nobody gets into the session of this process who was not started by it
            if status.session == os.getsid(0) or status.parent != os.getpid():
                continue
            if status.is_over:
                if is_own_process() or status.process in self._seen:
                    reap(status.process)
            elif self._is_of_this_mark(status):
                yield pid

    def _is_of_this_mark(self, status: ProcessStatus) -> bool:
        variables = environment_of(status.process.pid)
        if f"{MARK}={self._mark}".encode() in variables:
            return True
        if any(one.startswith(f"{MARK}=".encode()) for one in variables):
            return False
        # the first process of a container has orphans of others for children
        is_ours = is_own_process() and os.getpid() != 1 and len(_HOST.measured) == 1
        return is_ours and _HOST.since is not None and status.process.start >= _HOST.since

    def reading(self) -> ChildrenReading:
        """Return what those that run take now, and what they have gained since each was read for the first time.

        One that did not run at the last reading may end with the call that started it: it does not count yet.
        """
        before, first = self._first, {}
        own_bytes, gained_bytes = 0, 0
        unmeasured: set[ProcessId] = set()
        for process in self.living():
            pages = pages_of(process.pid)
            if pages is not None:
                first[process] = before.get(process, pages)
                # at first a forked one shares nearly all with its parent, and that is not held twice
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
        """Return where more than the limit was taken, in words, nothing for the measured process itself; else None.

        `answer` is the newest of the measured process: it knows what the largest child took that has ended already.
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
        """Return how many processes run, and what they and the measured one, which took so much at most, take together.

        The figure is exact only where it may be above the limit: what processes share is dear to tell apart. Where a
        look is dear, there is none each time.
        """
        began = time.monotonic()
        if began < self._look_again_after:
            return 0, own_bytes
        count, taken = self._together(own_bytes, limit_bytes)
        cost = time.monotonic() - began
        self._look_again_after = began + cost / _SHARE_OF_TIME if cost > _CHEAP_SECONDS else 0.0
        return count, taken

    def _together(self, own_bytes: int, limit_bytes: float) -> tuple[int, int]:
        processes = self.living()
        marks = [high_water_mark(process.pid) or 0 for process in processes]
        rough, most = own_bytes + sum(marks), max([own_bytes, *marks])
        if rough <= limit_bytes or most > limit_bytes:
            return len(processes), rough if rough <= limit_bytes else most
        pages = [found for process in processes if (found := pages_of(process.pid)) is not None]
        root = pages_of(self._root)
        private = own_bytes + sum(one.private_bytes for one in pages)
        shared = sum(one.proportional_bytes for one in [*pages, *([] if root is None else [root])])
        return len(processes), max(most, private, shared)

    def signal(self, number: int) -> None:
        """Signal all but those that wait for the others' end."""
        for process in self.living():
            if not outlasts_signals(process):
                send(process, number)

    def end(self) -> None:
        """End the measured process and all others. What tidies up after them is given time to do so."""
        for _ in range(_MOST_ROUNDS):
            found = self._stopped()
            if not found:
                return
            tidying = [process for process in found if outlasts_signals(process)]
            others = [process for process in found if process not in tidying]
            root = status_of(self._root)
            for process in [*([] if root is None else [root.process]), *others]:
                send(process, signal.SIGKILL)
            for process in tidying:
                send(process, signal.SIGCONT)
            for process in wait_for_the_end(tidying, _TIDYING_SECONDS):
                send(process, signal.SIGKILL)
            if wait_for_the_end(found, _ENDING_SECONDS):
                return  # another user's: we cannot

    def _stopped(self) -> list[ProcessId]:
        """Return all that run, stopped: who is stopped starts nobody while the others are being looked for."""
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
    """Tell whether whoever started a process wants it to outlive the measurement."""
    return any(one.startswith(f"{LEFT_RUNNING}=".encode()) for one in environment_of(pid))
