"""The client of the judge process: start it before any fixture is set up, and request measurements from it."""

import importlib
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pytest

from leakcheck.model.errors import LeakcheckException
from leakcheck.pytest_plugin.cleanup import no_timeout, silenced
from leakcheck.pytest_plugin.isolated_command import SetupTimes, StartupEnvironment, build_command
from leakcheck.pytest_plugin.marker import MarkerArgs
from leakcheck.pytest_plugin.options import PluginOptions
from leakcheck.pytest_plugin.unpatched import keep_originals
from leakcheck.runner.child_process import ChildProcess

if TYPE_CHECKING:
    from leakcheck.model.result import Result
    from leakcheck.worker.channel import Channel
    from leakcheck.worker.load import Replayable

_START = (
    "import os, select, sys; sys.path.append(sys.argv.pop(1)); socket, parent = map(int, sys.argv[1:3])\n"
    # nothing is loaded before a client connects: of eight xdist workers perhaps only one measures
    "while os.getppid() == parent and not select.select([socket], [], [], 1)[0]: pass\n"
    "from leakcheck.pytest_plugin.judge.service import serve; serve(socket, parent)"
)
_LATER = ("replay", "result_json")
"""Modules of the plugin that are loaded only when a test is to be measured."""

_END_SECONDS = 10.0
_LONGEST_FOLDER_PATH = 100 - len("/0123456789abcdef")
"""So that the path of a socket in the folder has less than the 108 bytes that the kernel allows."""


class JudgeFailed(LeakcheckException):
    """There is no verdict: the settings are invalid, or the judge has a bug."""


def _make_socket_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="leakcheck-")
    if len(folder) < _LONGEST_FOLDER_PATH:
        return Path(folder)
    Path(folder).rmdir()
    return Path(tempfile.mkdtemp(prefix="leakcheck-", dir="/tmp"))


class JudgeClient:
    """A test process's connection to its judge."""

    def __init__(self, config: pytest.Config, options: PluginOptions, startup: StartupEnvironment) -> None:
        self.options = options
        self.setups = SetupTimes()
        self._config = config
        self._startup = startup
        self._pid = 0
        self._process: ChildProcess | None = None
        self._channel: Channel | None = None
        self._is_ready = False
        self._folder: Path | None = None
        self._token = ""
        """The socket's name, by which the judge recognizes our frames."""
        self._abandoned: list[tuple[ChildProcess, Path]] = []
        self._loaded: dict[str, Any] = {}

    def load(self) -> None:
        """Load the modules that measure, and keep their references to what tests may patch later."""
        self._loaded.update({name: importlib.import_module(f"{__package__}.{name}") for name in _LATER})
        keep_originals()

    def read_result(self, fields: Mapping[str, Any]) -> "Result":
        """Return the result in an answer of the judge."""
        result: Result = self._loaded["result_json"].read_result(fields)
        return result

    def start(self) -> None:
        """Start the judge's process, which waits for a connection, and load the modules that measure.

        To be called before any fixture is set up, because a fixture may patch sockets, processes and files.
        Raises OSError if the process cannot be started.
        """
        if self._process is not None and self._pid == os.getpid():
            return
        self.load()
        if self._pid != os.getpid():
            self._channel, self._abandoned = None, []  # they belong to the process that this one was forked from
        self._pid = os.getpid()
        self._folder, self._token = _make_socket_folder(), token_hex(8)
        python, package = self._startup.interpreter[0], str(Path(__file__).resolve().parents[2])
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(self._socket_path)
            listener.listen()
            self._process = ChildProcess(
                # -P: modules in the current folder must not be imported instead of ours
                [python, "-P", "-c", _START, package, str(listener.fileno()), str(self._pid)],
                output=self._folder / "judge.txt",
                pass_fds=[listener.fileno()],
                cwd=self._config.invocation_params.dir,
                env=dict(self._startup.environment),
            )
        finally:
            listener.close()

    def connect(self) -> None:
        """Connect to the judge, which then loads its modules in the background, before a measurement is requested."""
        self.start()
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
        marker_args: MarkerArgs,
        test_callable: "Replayable | None",
        **position: Any,
    ) -> tuple[dict[str, Any], BaseException | None]:
        """Return the judge's answer, and the exception of the first replay in this process.

        Without a `test_callable` nothing is replayed in this process. `position` says which body of the test an
        isolated process has to replay. Raises JudgeFailed.
        """
        setups = self.setups.needed_by(item)
        fields = {
            **asdict(marker_args),
            "name": name[0],
            "variant": name[1],
            "screen": test_callable is not None,
            "setups": setups,
        }
        with no_timeout(item):
            try:
                channel = self._ready_channel()
                assert self._folder is not None
                command = build_command(self._config, self._startup, item, f"{self._folder}/basetemp", **position)
                channel.send("measure", command=command, **fields)
                if test_callable is None:
                    answer, error = channel.receive(), None
                else:
                    with silenced(item):
                        frozen = self._startup.frozen_objects
                        answer, error = self._loaded["replay"].replay_for_judge(channel, test_callable, frozen)
            except BaseException:
                self._abandon()  # a late answer must not be taken for the next one
                raise
            return self._checked(answer), error

    def save(self, path: Path, results: list[Any], about: Mapping[str, Any]) -> None:
        """Let the judge write the run document. Raises JudgeFailed."""
        channel = self._ready_channel()
        channel.send("save", path=str(path), results=results, about=about)
        self._checked(channel.receive())

    def _checked(self, answer: Mapping[str, Any] | None) -> dict[str, Any]:
        assert self._process is not None
        answer = dict(answer or {"broken": f"the judge process {self._process.describe_end()}"})
        if "refused" in answer:
            raise JudgeFailed(f"leakcheck: {answer['refused']}")
        if "broken" in answer:
            message = f"leakcheck: the test was not judged: {answer['broken']}\n{self._process.output_tail()}"
            self._abandon()
            raise JudgeFailed(message.strip())
        return answer

    def _ready_channel(self) -> "Channel":
        """Return the channel to the judge, once it has read the project's settings."""
        self.connect()
        assert self._channel is not None
        if not self._is_ready:
            self._checked(self._channel.receive())
            self._is_ready = True
        return self._channel

    @property
    def _socket_path(self) -> str:
        return f"{self._folder}/{self._token}"

    def _abandon(self) -> None:
        """Tell the judge to end, without waiting: in a test, more may be patched than we keep references to."""
        process, channel, folder = self._process, self._channel, self._folder
        self._process = self._channel = None
        if process is None or folder is None or self._pid != os.getpid():
            return
        self._abandoned.append((process, folder))
        if channel is not None:
            channel.close()
        process.signal(signal.SIGTERM)

    def close(self) -> None:
        """End the judge, wait for it, and remove its folder."""
        self._abandon()
        for process, folder in self._abandoned if self._pid == os.getpid() else ():
            process.end(_END_SECONDS)
            shutil.rmtree(folder, ignore_errors=True)
        self._abandoned.clear()
