"""A process that leakcheck starts: the end of its output, how it ended, and its end with all its descendants.

Only the standard library is imported: the pytest plugin starts its judge with this.
"""

import os
import selectors
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leakcheck.runner.process_tree import ProcessTree

_TAIL_BYTES = 32_000
_MOST_CHARACTERS = 4000
_MOST_FRAMES = 8
_PACKAGE = Path(__file__).resolve().parents[1]
_OWN_FRAMES = (*(f'  File "{_PACKAGE / room}' for room in ("probe", "worker")), '  File "<frozen importlib')
_CHUNK_BYTES = 1 << 20

_is_own = Event()


def declare_own_process() -> None:
    """Declare that this process belongs to leakcheck: it starts nothing but measured processes in their own sessions.

    Any other child of it in a foreign session is then an adopted orphan, even one that hides where it comes from.
    """
    _is_own.set()


def is_own_process() -> bool:
    """Return whether `declare_own_process` was called; in a test process that measures, it is not."""
    return _is_own.is_set()


class ChildProcess:
    """A process in a session of its own, so that no interrupt in a terminal reaches it. Use `end` in any case."""

    def __init__(
        self, command: Sequence[str], *, output: Path | None = None, tree: "ProcessTree | None" = None, **options: Any
    ) -> None:
        """Start a command, with options of `Popen`. Raises OSError.

        Its output goes to a file, or without one to pipes for `read_output_in`. `tree` finds its descendants, which
        end with it: without one, it has none, or ends them itself.
        """
        self._output, self._tree, self._tail = output, tree, bytearray()
        target: Any = subprocess.PIPE if output is None else output.open("wb")
        try:
            options = {"stdin": subprocess.DEVNULL, "stdout": target, "stderr": target, **options}
            self._process: subprocess.Popen[bytes] = subprocess.Popen(command, start_new_session=True, **options)
        except BaseException:
            self._forget()
            raise
        finally:
            if output is not None:
                target.close()
        self.pid = self._process.pid
        self.stdout = self._process.stdout
        if tree is not None:
            tree.set_root(self.pid)

    @property
    def is_alive(self) -> bool:
        """Return whether the process still runs."""
        return self._process.poll() is None

    def signal(self, number: int) -> None:
        """Signal the process, if it still runs."""
        # not by Popen: its `os.kill` may be patched in a test process
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def send(self, data: bytes) -> None:
        """Write to its standard input; where it has ended, its output and status say why."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(data)
            self._process.stdin.flush()

    def read_output_in(self, selector: selectors.BaseSelector) -> None:
        """Have a selector read the pipes: it is to call `data(fileobj)` of what is ready."""

        def read(pipe: Any) -> None:
            data = pipe.read1(_CHUNK_BYTES) or b""
            if not data:
                selector.unregister(pipe)
            self._tail = (self._tail + data)[-_TAIL_BYTES:]

        for pipe in self._pipes():
            os.set_blocking(pipe.fileno(), False)
            selector.register(pipe, selectors.EVENT_READ, read)

    def output_tail(self) -> str:
        """Return the end of its output, with the newest of faulthandler's frames, and without leakcheck's.

        faulthandler writes the newest frame first, so the end alone would show where every process begins, instead of
        where this one was.
        """
        lines: list[str] = []
        frames = 0
        for line in self._last_output().decode(errors="replace").splitlines():
            frames = frames + 1 if line.startswith("  File ") else 0
            if frames <= _MOST_FRAMES and not line.startswith(_OWN_FRAMES):
                lines.append(line)
        return "\n".join(lines).strip()[-_MOST_CHARACTERS:]

    def _last_output(self) -> bytes:
        if self._output is None:
            return bytes(self._tail)
        try:
            with self._output.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
                return file.read()
        except OSError:
            return b""

    def describe_end(self) -> str:
        """Return how it ended, as a predicate: "exited with status 3 and no output", "was killed by SIGKILL"."""
        status = self._process.poll()
        if status is None:
            return "is still running"
        if status < 0:
            names = {int(known): known.name for known in signal.Signals}  # not those of real time
            return f"was killed by {names.get(-status, f'signal {-status}')}"
        return f"exited with status {status}{'' if self.output_tail() else ' and no output'}"

    def kill(self) -> None:
        """End the process and its descendants at once: what the user's code has started must not outlive it."""
        if self._tree is None:
            self._process.kill()
            return
        self._tree.end()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._tree.end()  # processes that were started meanwhile, and are orphans now

    def end(self, grace_seconds: float = 0.0) -> None:
        """Close its input, give it time to end by itself, then end it and its descendants. To be called once."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        if grace_seconds:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(grace_seconds)
        self.kill()
        self._process.wait()
        for pipe in self._pipes():
            pipe.close()
        self._forget()

    def _pipes(self) -> list[IO[bytes]]:
        return [pipe for pipe in (self._process.stdout, self._process.stderr) if pipe is not None]

    def _forget(self) -> None:
        if self._tree is not None:
            self._tree.forget()
