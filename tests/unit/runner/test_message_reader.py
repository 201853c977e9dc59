"""Whatever comes over the line: what is a message of ours is one, and all else is told apart from it."""

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


def inbox_after(*parts: bytes) -> MessageReader:
    inbox = MessageReader(TOKEN)
    for part in parts:
        inbox.feed(part)
    return inbox


SAID = [{"kind": "ready", "setup_seconds": 0.5}, {"kind": "bye"}]


@given(st.lists(st.integers(1, 40), max_size=30))
def test_messages_come_whole_however_they_are_cut(lengths: list[int]) -> None:
    data = b"".join(map(frame, SAID)) + block([1, 2], [4096, 4096], [7])
    inbox = MessageReader(TOKEN)
    for length in lengths:
        inbox.feed(data[:length])
        data = data[length:]
    inbox.feed(data)
    assert list(inbox.messages)[:2] == SAID
    assert inbox.messages[2]["block"] == {
        "readings": {"calls": [1, 2], "rss_bytes": [4096, 4096]},
        "latencies_ns": [7],
        "calls": 3,
    }
    assert (inbox.foreign, inbox.broken) == (b"", "")


@given(st.binary(min_size=1, max_size=60).filter(lambda data: b"<" not in data), st.integers(0, 2))
def test_what_somebody_else_writes_between_messages_is_told_apart(stray: bytes, place: int) -> None:
    frames = [frame(SAID[0]), frame(SAID[1])]
    frames.insert(place, stray)
    inbox = inbox_after(*frames)
    assert list(inbox.messages) == SAID
    assert inbox.foreign == stray


def test_what_somebody_else_writes_is_noticed_at_once() -> None:
    assert inbox_after(b"hello\n").foreign == b"hello\n"
    assert inbox_after(b'{"kind":"block"}\n').foreign == b'{"kind":"block"}\n'
    # the beginning of a frame is none yet
    assert inbox_after(frame(SAID[0])[:9]).foreign == b""


@given(st.binary(min_size=1, max_size=20), st.data())
def test_a_message_into_which_somebody_wrote_is_none(stray: bytes, data: st.DataObject) -> None:
    whole = frame(SAID[0])
    at = data.draw(st.integers(1, len(whole) - 1))
    inbox = inbox_after(whole[:at] + stray + whole[at:], frame(SAID[1]))
    assert SAID[0] not in inbox.messages or inbox.foreign == stray
    assert all(message in SAID for message in inbox.messages)


@given(st.binary(max_size=300))
def test_no_bytes_are_too_odd(data: bytes) -> None:
    inbox = inbox_after(data, b"<" + TOKEN + data, frame(data))
    assert all(isinstance(message["kind"], str) for message in inbox.messages)


def test_a_flood_is_not_kept() -> None:
    inbox = MessageReader(TOKEN)
    for _ in range(100):
        inbox.feed(b"x" * 100_000)
    assert len(inbox.foreign) <= 200
    assert len(inbox._received) == 0


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
def test_a_frame_that_holds_no_message_is_broken_and_the_next_is_not(message: bytes) -> None:
    inbox = inbox_after(frame(message), frame(SAID[0]))
    assert inbox.broken
    assert list(inbox.messages) == [SAID[0]]
    assert inbox.foreign == b""


def test_a_frame_of_more_than_any_answer_has_is_not_waited_for() -> None:
    sizes = (1 << 40).to_bytes(8, "little") + bytes(8)
    assert inbox_after(b"<" + TOKEN + sizes).broken == "it has 1,099,511,627,809 bytes"


@pytest.mark.parametrize("without", ["names", "calls", "seconds"])
def test_columns_without_their_words_are_no_block(without: str) -> None:
    message = {"kind": "block", "names": ["calls"], "calls": 3, "seconds": {}, "lengths": [1, 0]}
    del message[without]
    assert inbox_after(frame(message, bytes(8))).broken


def test_half_a_letter_is_replaced_but_in_the_name_of_a_file() -> None:
    said = {"kind": "described", "scenarios": [{"target": "caf\udce9.py::x", "name": "caf\udce9", "of\udce9": 1}]}
    (message,) = inbox_after(frame(said)).messages
    assert message["scenarios"] == [{"target": "caf\udce9.py::x", "name": "caf?", "of?": 1}]
    # two halves that belong together are a letter
    (message,) = inbox_after(frame({"kind": "x", "said": "\U0001f600 \udce9"})).messages
    assert message["said"] == "\U0001f600 ?"
