"""Whatever comes over the connection: valid frames become messages, and everything else is told apart."""

import json
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.runner.message_reader import MessageReader

TOKEN = b"5f3e2d1c0b9a8776"


def frame(message: Any, columns: bytes = b"", token: bytes = TOKEN) -> bytes:
    """Return a message as `worker/channel.py` sends it."""
    text = message if isinstance(message, bytes) else json.dumps(message).encode()
    sizes = len(text).to_bytes(8, "little") + len(columns).to_bytes(8, "little")
    return b"<" + token + sizes + text + columns + b">" + token


def block(*columns: list[int], **fields: Any) -> bytes:
    """Return a block with the first column of readings, and the latencies."""
    names = ["calls", "rss_bytes"][: len(columns) - 1]
    numbers = array("q", [number for column in columns for number in column])
    message = {"kind": "block", "names": names, "calls": 3, "seconds": {}, "lengths": [*map(len, columns)], **fields}
    return frame(message, numbers.tobytes())


def reader_after(*parts: bytes) -> MessageReader:
    reader = MessageReader(TOKEN)
    for part in parts:
        reader.feed(part)
    return reader


MESSAGES = [{"kind": "ready", "setup_seconds": 0.5}, {"kind": "bye"}]


@given(st.lists(st.integers(1, 40), max_size=30))
def test_messages_come_whole_however_they_are_cut(lengths: list[int]) -> None:
    data = b"".join(map(frame, MESSAGES)) + block([1, 2], [4096, 4096], [7])
    reader = MessageReader(TOKEN)
    for length in lengths:
        reader.feed(data[:length])
        data = data[length:]
    reader.feed(data)
    assert list(reader.messages)[:2] == MESSAGES
    assert reader.messages[2]["block"] == {
        "readings": {"calls": [1, 2], "rss_bytes": [4096, 4096]},
        "latencies_ns": [7],
        "calls": 3,
    }
    assert (reader.foreign, reader.broken) == (b"", "")


@given(st.binary(min_size=1, max_size=60).filter(lambda data: b"<" not in data), st.integers(0, 2))
def test_foreign_bytes_between_messages_are_told_apart(stray: bytes, index: int) -> None:
    frames = [frame(MESSAGES[0]), frame(MESSAGES[1])]
    frames.insert(index, stray)
    reader = reader_after(*frames)
    assert list(reader.messages) == MESSAGES
    assert reader.foreign == stray


def test_foreign_bytes_are_noticed_at_once() -> None:
    assert reader_after(b"hello\n").foreign == b"hello\n"
    assert reader_after(b'{"kind":"block"}\n').foreign == b'{"kind":"block"}\n'
    # the beginning of a frame is not foreign
    assert reader_after(frame(MESSAGES[0])[:9]).foreign == b""


@given(st.binary(min_size=1, max_size=20), st.data())
def test_a_message_with_foreign_bytes_inside_is_dropped(stray: bytes, data: st.DataObject) -> None:
    whole = frame(MESSAGES[0])
    split = data.draw(st.integers(1, len(whole) - 1))
    reader = reader_after(whole[:split] + stray + whole[split:], frame(MESSAGES[1]))
    # beside equal bytes it may stand as well behind the frame, and begin at another of its own bytes
    assert MESSAGES[0] not in reader.messages or sorted(reader.foreign) == sorted(stray)
    assert all(message in MESSAGES for message in reader.messages)


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(data: bytes) -> None:
    reader = reader_after(data, b"<" + TOKEN + data, frame(data))
    assert all(isinstance(message["kind"], str) for message in reader.messages)


def test_a_flood_of_foreign_bytes_is_not_kept() -> None:
    reader = MessageReader(TOKEN)
    for _ in range(100):
        reader.feed(b"x" * 100_000)
    assert len(reader.foreign) <= 200
    assert len(reader._received) == 0


@pytest.mark.parametrize(
    "message",
    [
        b"x",
        b"[1]",
        b'"block"',
        b"{}",
        b'{"kind": 1}',
        b"\xff\xfe",
        b"[" * 200_000,
        b'{"kind": "x", "a": ' + b"9" * 5000 + b"}",
        b'{"kind": "x", "a": 1e999}',
        b'{"kind": "x", "a": 1152921504606846977}',
        b'{"kind": "x", "a": NaN}',
        b'{"kind": "x", "a": -Infinity}',
        b'{"kind": "x", "lengths": [-5]}',
        b'{"kind": "x", "lengths": ["a"]}',
        b'{"kind": "x", "lengths": [1]}',
        b'{"kind": "x", "lengths": 3}',
        b'{"kind": "x", "lengths": {"a": 1}}',
    ],
    ids=lambda message: message[:30].decode(errors="replace"),
)
def test_a_frame_without_a_message_is_broken_and_the_next_is_read(message: bytes) -> None:
    reader = reader_after(frame(message), frame(MESSAGES[0]))
    assert reader.broken
    assert list(reader.messages) == [MESSAGES[0]]
    assert reader.foreign == b""


def test_a_frame_larger_than_any_answer_is_not_waited_for() -> None:
    sizes = (1 << 40).to_bytes(8, "little") + bytes(8)
    assert reader_after(b"<" + TOKEN + sizes).broken == "it has 1,099,511,627,809 bytes"


@pytest.mark.parametrize("without", ["names", "calls", "seconds"])
def test_columns_without_their_fields_are_no_block(without: str) -> None:
    message = {"kind": "block", "names": ["calls"], "calls": 3, "seconds": {}, "lengths": [1, 0]}
    del message[without]
    assert reader_after(frame(message, bytes(8))).broken


def test_a_lone_surrogate_is_replaced_except_in_the_name_of_a_file() -> None:
    described = {"kind": "described", "scenarios": [{"target": "caf\udce9.py::x", "name": "caf\udce9", "of\udce9": 1}]}
    (message,) = reader_after(frame(described)).messages
    assert message["scenarios"] == [{"target": "caf\udce9.py::x", "name": "caf?", "of?": 1}]
    # a surrogate pair is one character
    (message,) = reader_after(frame({"kind": "x", "text": "\U0001f600 \udce9"})).messages
    assert message["text"] == "\U0001f600 ?"
