"""The runner's end of a channel: what a process sends on it, however often it connects, and whatever else comes."""

import json
import selectors
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from leakcheck.model.failure import WorkerFailed
from leakcheck.runner.channel import RunnerChannel, listen_in
from tests.unit.runner.test_message_reader import frame

READY, BYE = {"kind": "ready"}, {"kind": "bye"}


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[RunnerChannel]:
    """Return a channel that nobody has connected to."""
    channel = RunnerChannel(listen_in(tmp_path))
    yield channel
    channel.close()


def connect(channel: RunnerChannel) -> socket.socket:
    process = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    process.connect(channel.path)
    return process


def framed(channel: RunnerChannel, message: object) -> bytes:
    return frame(message, token=Path(channel.path).name.encode())


def test_messages_go_both_ways(channel: RunnerChannel) -> None:
    with connect(channel) as process:
        assert not channel.is_connected
        channel.receive_rest()
        assert channel.is_connected
        channel.send({"calls": 3})
        assert json.loads(process.recv(100)) == {"calls": 3}
        process.sendall(framed(channel, READY))
        channel.receive_rest()
        assert list(channel.messages) == [READY]
        channel.raise_if_corrupt()


def test_nothing_comes_of_a_process_that_says_nothing(channel: RunnerChannel) -> None:
    channel.send(READY)
    assert not channel.receive(0)
    with connect(channel):
        channel.receive_rest()
        assert not channel.receive(0)
        assert not channel.messages


def test_what_was_sent_before_a_second_connection_is_not_lost_and_half_a_message_is_dropped(
    channel: RunnerChannel,
) -> None:
    # GIVEN a process that has sent a message and a half when its code closes the connection
    with connect(channel) as process:
        channel.receive_rest()
        process.sendall(framed(channel, READY) + framed(channel, BYE)[:20])
    # WHEN it connects again and sends the second message whole
    with connect(channel) as process:
        process.sendall(framed(channel, BYE))
        channel.receive_rest()
    # THEN both have come
    assert list(channel.messages) == [READY, BYE]
    channel.raise_if_corrupt()


def test_sending_to_a_process_that_is_gone_raises_nothing(channel: RunnerChannel) -> None:
    with connect(channel):
        channel.receive_rest()
    channel.receive_rest()
    channel.send(READY)
    channel.send(READY)
    assert not channel.messages


def test_what_something_else_wrote_is_told_apart_and_can_be_forgiven(channel: RunnerChannel) -> None:
    with connect(channel) as process:
        process.sendall(b"hello, world\n" + framed(channel, READY))
        channel.receive_rest()
    channel.raise_if_broken()
    with pytest.raises(WorkerFailed, match="something wrote b'hello, world"):
        channel.raise_if_corrupt()
    channel.forgive()
    channel.raise_if_corrupt()
    assert list(channel.messages) == [READY]


def test_a_message_that_makes_no_sense_is_reported(channel: RunnerChannel) -> None:
    with connect(channel) as process:
        process.sendall(framed(channel, ["no object"]))
        channel.receive_rest()
    with pytest.raises(WorkerFailed, match="sent an invalid answer"):
        channel.raise_if_broken()


def test_other_descriptors_are_read_while_messages_are_awaited(channel: RunnerChannel) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        received = []
        channel.selector.register(ours, selectors.EVENT_READ, lambda end: received.append(end.recv(10)))
        theirs.sendall(b"output")
        assert channel.receive(0)
        assert received == [b"output"]


def test_a_folder_whose_path_is_too_long_for_a_socket_raises_and_leaves_nothing_open(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(OSError, match="too long"):
        listen_in(tmp_path / ("x" * 120))
    assert len(list(Path("/proc/self/fd").iterdir())) == before
