"""The desk where measurements are asked for: it starts the judge before any fixture is set up, and talks to it."""

import importlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pytest

from leakcheck.pytest_plugin.cleanup import no_timeout, silenced
from leakcheck.pytest_plugin.isolated_command import StartupEnvironment, build_command
from leakcheck.pytest_plugin.marker import MarkerArgs
from leakcheck.pytest_plugin.options import PluginOptions
from leakcheck.pytest_plugin.setup_times import SetupTimes
from leakcheck.pytest_plugin.unpatched import keep_originals

if TYPE_CHECKING:
    from leakcheck.model.result import Result
    from leakcheck.worker.channel import Channel
    from leakcheck.worker.load import Replayable


_START = (
    "import os, select, sys; sys.path.append(sys.argv.pop(1)); socket, parent = map(int, sys.argv[1:3])\n"
    # nothing is loaded before somebody calls: whoever runs eight processes may measure in one
    "while os.getppid() == parent and not select.select([socket], [], [], 1)[0]: pass\n"
    "from leakcheck.analysis.numeric import load_numpy; load_numpy()\n"
    "from leakcheck.pytest_plugin.judge.main import serve; serve(socket, parent)"
)
_LATER = ("replay", "result_json")
"""Modules of the plugin that only a process that measures loads."""

_END_SECONDS = 10.0


class JudgeFailed(Exception):
    """No verdict: the settings cannot be used, or the judge has a bug."""


class JudgeClient:
    """One test process's way to its judge."""

    def __init__(self, config: pytest.Config, options: PluginOptions, surroundings: StartupEnvironment) -> None:
        self.options = options
        self.setups = SetupTimes()
        self._config = config
        self._surroundings = surroundings
        self._pid = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._is_ready = False
        self._folder: Path | None = None
        self._token = ""
        """The socket's name: with it the line tells what is ours."""
        self._abandoned: list[tuple[subprocess.Popen[bytes], Path]] = []
        self._loaded: dict[str, Any] = {}

    def load(self) -> None:
        """Load what measures, and hold on to it, while nothing is patched yet."""
        self._loaded.update({name: importlib.import_module(f"{__package__}.{name}") for name in _LATER})
        keep_originals()

    def read_result(self, said: Mapping[str, Any]) -> "Result":
        """Return the result that an answer of the judge has."""
        result: Result = self._loaded["result_json"].read_result(said)
        return result

    def open(self) -> None:
        """Start the judge's process, which waits to be called, and load what measures.

        To be done before any fixture is set up: then sockets, processes and files may be stood in for.
        """
        if self._process is not None and self._pid == os.getpid():
            return
        self.load()
        if self._pid != os.getpid():
            self._channel, self._abandoned = None, []  # of the process that this one was forked from
        self._pid = os.getpid()
        self._folder, self._token = make_socket_folder(), token_hex(8)
        python, package = self._surroundings.interpreter[0], str(Path(__file__).resolve().parents[2])
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(self._socket_path)
            listener.listen()
            with (self._folder / "judge.txt").open("wb") as written:
                self._process = subprocess.Popen(
                    # -P: the folder that pytest was called in may hold modules of any name
                    [python, "-P", "-c", _START, package, str(listener.fileno()), str(self._pid)],
                    pass_fds=[listener.fileno()],
                    cwd=self._config.invocation_params.dir,
                    env=dict(self._surroundings.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=written,
                    stderr=written,
                    start_new_session=True,
                )
        finally:
            listener.close()

    def call(self) -> None:
        """Have the judge load what it needs, in its own time: a measurement is about to be asked for."""
        self.open()
        if self._channel is not None:
            return
        self._channel = self._loaded["replay"].Channel(self._socket_path)
        self._is_ready = False
        root, options = str(self._config.rootpath), self.options
        self._channel.send("project", root=root, folder=str(self._folder), ini=options.ini, flags=options.flags)

    def measure(
        self,
        item: pytest.Item,
        name: tuple[str, str | None],
        terms: MarkerArgs,
        body: "Replayable | None",
        **where: Any,
    ) -> tuple[dict[str, Any], BaseException | None]:
        """Return the judge's answer, and what the first replay here raised; without a body nothing is replayed here.

        `where` says which body of the test a process of its own is to come to. Raises JudgeFailed.
        """
        setups = self.setups.needed_by(item)
        said = {**asdict(terms), "name": name[0], "variant": name[1], "screen": body is not None, "setups": setups}
        with no_timeout(item):
            try:
                channel = self._line()
                assert self._folder is not None
                command = build_command(self._config, self._surroundings, item, f"{self._folder}/basetemp", **where)
                channel.send("measure", command=command, **said)
                if body is None:
                    answer, error = channel.receive(), None
                else:
                    with silenced(item):
                        frozen = self._surroundings.frozen_objects
                        answer, error = self._loaded["replay"].replay_for_judge(channel, body, frozen)
            except BaseException:
                self._abandon()  # an answer may still be on its way, and nobody waits for it
                raise
            return self._checked(answer), error

    def save(self, path: Path, results: list[Any], about: Mapping[str, Any]) -> None:
        """Have the run document written. Raises JudgeFailed."""
        channel = self._line()
        channel.send("save", path=str(path), results=results, about=about)
        self._checked(channel.receive())

    def _checked(self, answer: Mapping[str, Any] | None) -> dict[str, Any]:
        answer = dict(answer or {"broken": "its process ended"})
        if "refused" in answer:
            raise JudgeFailed(f"leakcheck: {answer['refused']}")
        if "broken" in answer:
            written = self._written()
            self._abandon()
            raise JudgeFailed(f"leakcheck could not judge, which is a bug of its own: {answer['broken']}\n{written}")
        return answer

    def _line(self) -> "Channel":
        """Return the line to the judge, who has read the project's settings."""
        self.call()
        assert self._channel is not None
        if not self._is_ready:
            self._checked(self._channel.receive())
            self._is_ready = True
        return self._channel

    @property
    def _socket_path(self) -> str:
        return f"{self._folder}/{self._token}"

    def _written(self) -> str:
        try:
            assert self._folder is not None
            text = (self._folder / "judge.txt").read_text(encoding="utf-8", errors="replace")
            return "".join(f" ({line[-400:]})" for line in text.strip().splitlines()[-1:])
        except (OSError, AssertionError):
            return ""

    def _abandon(self) -> None:
        """Tell the judge to end, within a test, where more may be patched than can be held on to."""
        process, channel, folder = self._process, self._channel, self._folder
        self._process = self._channel = None
        if process is None or folder is None or self._pid != os.getpid():
            return
        self._abandoned.append((process, folder))
        if channel is not None:
            channel.close()
        try:
            os.kill(process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass

    def close(self) -> None:
        """End the judge, and what it has started."""
        self._abandon()
        for process, folder in self._abandoned if self._pid == os.getpid() else ():
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            shutil.rmtree(folder, ignore_errors=True)
        self._abandoned.clear()


_LONGEST_PATH = 100 - len("/0123456789abcdef")


def make_socket_folder() -> Path:
    """Make a folder whose path leaves room for the name of a socket: the kernel allows 107 characters."""
    folder = tempfile.mkdtemp(prefix="leakcheck-")
    if len(folder) < _LONGEST_PATH:
        return Path(folder)
    Path(folder).rmdir()
    return Path(tempfile.mkdtemp(prefix="leakcheck-", dir="/tmp"))
