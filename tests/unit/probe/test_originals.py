"""The measured process uses the functions that Python had before the user's code ran, whatever that patches."""

import builtins
import gc
import importlib
import json
import os
import pkgutil
import socket
from array import array
from pathlib import Path
from types import FunctionType

import pytest

import leakcheck.probe
import leakcheck.worker
from leakcheck.probe import originals
from leakcheck.runner.message_reader import MessageReader
from leakcheck.worker.channel import Channel
from tests.unit.runner.test_message_reader import TOKEN

_REQUEST_PACKAGES = ("web", "django", "server")
"""Packages that make and serve requests: the user's patches are meant to apply there."""


def modules() -> list[str]:
    rooms = (leakcheck.probe, leakcheck.worker)
    infos = [info for room in rooms for info in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")]
    names = [info.name for info in infos if not info.ispkg and not info.name.endswith(("__main__", ".originals"))]
    return [name for name in names if name.split(".")[2] not in _REQUEST_PACKAGES]


@pytest.mark.parametrize("name", modules())
def test_every_module_of_the_measured_process_uses_the_original_builtins(name: str) -> None:
    module = importlib.import_module(name)
    assert vars(module)["__builtins__"] is originals.BUILTINS
    functions = [value for value in vars(module).values() if isinstance(value, FunctionType)]
    own = [function for function in functions if function.__globals__ is vars(module)]
    assert all(getattr(function, "__builtins__") is originals.BUILTINS for function in own)  # noqa: B009 - mypy has none
    # a standard module with meters is not referred to directly
    assert not {"gc", "os", "signal"} & {key for key, value in vars(module).items() if value in (gc, os)}


def test_patches_do_not_affect_the_originals(monkeypatch: pytest.MonkeyPatch) -> None:
    collect, is_long = gc.collect, len
    monkeypatch.setattr(gc, "collect", None)
    monkeypatch.setattr(os, "getpid", None)
    assert originals.gc.collect is collect
    assert originals.os.getpid() > 1
    assert originals.BUILTINS["len"] is is_long
    assert originals.BUILTINS is not vars(builtins)


@pytest.fixture
def channel_pair(tmp_path: Path) -> "tuple[Channel, socket.socket, socket.socket]":
    """A channel, the socket that listens for it, and its other end."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(tmp_path / TOKEN.decode()))
    listener.listen()
    channel = Channel(str(tmp_path / TOKEN.decode()))
    return channel, listener, listener.accept()[0]


ChannelPair = tuple[Channel, socket.socket, socket.socket]


def received(connection: socket.socket) -> MessageReader:
    reader = MessageReader(TOKEN)
    while not reader.messages:
        reader.feed(connection.recv(1 << 16))
    return reader


def test_a_message_arrives_as_it_was_sent(channel_pair: ChannelPair) -> None:
    channel, listener, other = channel_pair
    numbers = array("q", [1, 2, 3])
    channel.send(
        "block", columns=[(numbers, 2), (numbers, 1)], names=["calls"], calls=2, seconds={}, odd="caf\udce9 \u20ac"
    )
    (message,) = received(other).messages
    assert message["block"] == {"readings": {"calls": [1, 2]}, "latencies_ns": [1], "calls": 2}
    assert message["odd"] == "caf? €"
    for connection in (listener, other):
        connection.close()
    channel.close()


def test_messages_do_not_depend_on_the_json_module(channel_pair: ChannelPair, monkeypatch: pytest.MonkeyPatch) -> None:
    channel, listener, other = channel_pair
    monkeypatch.setattr(json, "dumps", None)
    monkeypatch.setattr(json, "loads", None)
    monkeypatch.setattr(json.JSONEncoder, "encode", None)
    monkeypatch.setattr(socket.socket, "sendall", None)
    channel.send("ready")
    other.send(b'{"kind": "first"}\n')
    request = channel.receive()
    monkeypatch.undo()
    assert request == {"kind": "first"}
    assert [message["kind"] for message in received(other).messages] == ["ready"]
    for connection in (listener, other):
        connection.close()
    channel.close()


def test_a_connection_that_was_shut_down_is_reopened(channel_pair: ChannelPair) -> None:
    channel, listener, other = channel_pair
    # GIVEN code that shuts down every socket, and makes them return at once
    number = channel._socket.fileno()
    os.set_blocking(number, False)
    with socket.socket(fileno=os.dup(number)) as same:
        same.shutdown(socket.SHUT_RDWR)
    # WHEN something is sent
    channel.send("ready")
    # THEN it comes whole, over a second connection
    second = listener.accept()[0]
    assert [message["kind"] for message in received(second).messages] == ["ready"]
    for connection in (listener, other, second):
        connection.close()
    channel.close()
