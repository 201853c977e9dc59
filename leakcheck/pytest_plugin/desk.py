"""The desk where measurements are asked for: it starts the judge when it is first needed, and talks to it."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pytest

from leakcheck.pytest_plugin.child import Surroundings, child_command
from leakcheck.pytest_plugin.marks import Terms
from leakcheck.pytest_plugin.options import Options

if TYPE_CHECKING:
    from leakcheck.worker.channel import Channel
    from leakcheck.worker.load import Replayed

_START = (
    "import sys; sys.path.append(sys.argv.pop(1)); "
    "from leakcheck.analysis.numeric import load_numpy; load_numpy(); "
    "from leakcheck.judge.serve import serve; serve(int(sys.argv[1]), int(sys.argv[2]))"
)
_LONGEST_SOCKET_FOLDER = 90
"""With a name behind it: the kernel allows 107 characters."""
_END_SECONDS = 10.0


class JudgeFailed(Exception):
    """No verdict: the settings cannot be used, or the judge has a bug."""


class Desk:
    """One test process's way to its judge."""

    def __init__(self, config: pytest.Config, options: Options, surroundings: Surroundings) -> None:
        self.options = options
        self._config = config
        self._surroundings = surroundings
        self._pid = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._folder: Path | None = None

    def measure(
        self, item: pytest.Item, name: tuple[str, str | None], terms: Terms, body: "Replayed | None", **where: Any
    ) -> tuple[dict[str, Any], BaseException | None]:
        """Return the judge's answer, and what the first replay here raised; without a body nothing is replayed here.

        `where` says which body of the test a process of its own is to come to. Raises JudgeFailed.
        """
        from leakcheck.pytest_plugin.replays import replay_for_judge
        from leakcheck.pytest_plugin.tidy import no_timeout, quiet

        said = {**asdict(terms), "name": name[0], "variant": name[1], "screen": body is not None}
        with no_timeout(item):
            try:
                channel = self._open()
                assert self._folder is not None
                command = child_command(self._config, self._surroundings, item, self._folder / "basetemp", **where)
                channel.send("measure", command=command, **said)
                if body is None:
                    answer, error = channel.receive(), None
                else:
                    with quiet(item):
                        answer, error = replay_for_judge(channel, body)
            except BaseException:
                self.close()  # an answer may still be on its way, and nobody waits for it
                raise
            return self._checked(answer), error

    def save(self, path: Path, results: list[Any], about: Mapping[str, Any]) -> None:
        """Have the run document written. Raises JudgeFailed."""
        channel = self._open()
        channel.send("save", path=str(path), results=results, about=about)
        self._checked(channel.receive())

    def _checked(self, answer: Mapping[str, Any] | None) -> dict[str, Any]:
        answer = dict(answer or {"broken": "its process ended"})
        if "refused" in answer:
            raise JudgeFailed(f"leakcheck: {answer['refused']}")
        if "broken" in answer:
            written = self._written()
            self.close()
            raise JudgeFailed(f"leakcheck could not judge, which is a bug of its own: {answer['broken']}{written}")
        return answer

    def _open(self) -> "Channel":
        """Return the line to the judge, whom the first measurement starts."""
        from leakcheck.worker.channel import Channel

        if self._channel is not None and self._pid == os.getpid():
            return self._channel
        self._folder = Path(_make_folder())
        self._pid = os.getpid()
        path = str(self._folder / token_hex(8))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(path)
        listener.listen()
        package = str(Path(__file__).resolve().parents[2])
        with listener, (self._folder / "judge.txt").open("wb") as written:
            self._process = subprocess.Popen(
                # -P: the folder that pytest was called in may hold modules of any name
                [sys.executable, "-P", "-c", _START, package, str(listener.fileno()), str(self._pid)],
                pass_fds=[listener.fileno()],
                cwd=self._config.invocation_params.dir,
                env=dict(self._surroundings.environment),
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                start_new_session=True,
            )
        self._channel = Channel(path)
        options = self.options
        self._channel.send(
            "project", root=str(self._config.rootpath), folder=str(self._folder), ini=options.ini, flags=options.flags
        )
        self._checked(self._channel.receive())
        return self._channel

    def _written(self) -> str:
        try:
            assert self._folder is not None
            text = (self._folder / "judge.txt").read_text(encoding="utf-8", errors="replace")
            return "".join(f" ({line[-400:]})" for line in text.strip().splitlines()[-1:])
        except (OSError, AssertionError):
            return ""

    def close(self) -> None:
        """End the judge, and what it has started."""
        process, channel, folder = self._process, self._channel, self._folder
        self._process = self._channel = None
        if process is None or self._pid != os.getpid():
            return
        if channel is not None:
            channel.close()
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _make_folder() -> str:
    folder = tempfile.mkdtemp(prefix="leakcheck-")
    if len(folder) < _LONGEST_SOCKET_FOLDER:
        return folder
    Path(folder).rmdir()
    return tempfile.mkdtemp(prefix="leakcheck-", dir="/tmp")  # the kernel allows 107 characters
