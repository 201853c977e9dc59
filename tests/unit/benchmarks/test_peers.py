"""How each tool beside leakcheck is read: the rule that makes a verdict of what it said."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from peers import (
    with_leakcheck,
    with_limit_leaks,
    with_psleak,
    with_refleak,
    with_rss,
    with_tracemalloc,
)
from peers.asking import ask
from peers.registry import PEERS, TOOLS
from peers.words import Body, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command went."""

    exit_code: int = 0
    output: str = ""
    last_words: str = ""


PSLEAK_FAILED = """
E           psleak.MemoryLeakError: memory kept increasing after 10 runs
E           Run # 1: heap=+24832 | uss=+24576                             (calls= 200, avg/call=+124)
E           Run # 2: rss=+4096                                            (calls= 300, avg/call=+13)
E           Run # 3: heap=+45000 | uss=+40000 | rss=+41000                (calls= 450, avg/call=+100)
=========================== 1 failed in 0.50s ===============================
"""
PSLEAK_UNCLOSED = """
E           psleak.UnclosedFdError: detected 1 unclosed file descriptor after calling 'f' 1 time
============================== 1 failed in 0.07s ===============================
"""
LIMIT_LEAKS_FAILED = """
Test was allowed to leak 1.0KiB per location but at least one location leaked more
----------------------------- memray-leaked-memory -----------------------------
List of leaked allocations:
    - 1.6KiB allocated here:
        object_new:Objects/typeobject.c:4559
        call:{file}:2
        ...
    - 2.5MiB allocated here:
        other:{file}:1

================================ MEMRAY REPORT =================================
        call:{file}:1
"""


def test_psleak_that_gives_up_is_a_leak_at_the_rate_of_its_last_run() -> None:
    said = with_psleak.read(Ended(exit_code=1, output=PSLEAK_FAILED), {"calls": 961}, 1)

    assert (said.verdict, said.calls, said.bytes_per_call) == (Verdict.LEAK, 961, 100.0)


def test_psleak_finds_what_was_not_closed_and_has_no_rate_for_it() -> None:
    said = with_psleak.read(Ended(exit_code=1, output=PSLEAK_UNCLOSED), {"calls": 1}, 1)

    assert (said.verdict, said.bytes_per_call) == (Verdict.LEAK, None)
    assert said.detail.startswith("UnclosedFdError: detected 1 unclosed file descriptor")


@pytest.mark.parametrize(
    "ended",
    [
        Ended(exit_code=1, output="E   ValueError: the body broke\n1 failed", last_words="1 failed"),
        Ended(exit_code=0, output="1 skipped", last_words="1 skipped"),
        Ended(exit_code=-11),
    ],
)
@pytest.mark.parametrize("read", [with_psleak.read, with_limit_leaks.read])
def test_a_test_that_breaks_or_is_skipped_is_no_verdict(read, ended: Ended) -> None:  # type: ignore[no-untyped-def]
    assert read(ended, {}, 1).verdict is Verdict.NONE


@pytest.mark.parametrize("read", [with_psleak.read, with_limit_leaks.read])
def test_a_test_that_passes_is_clean(read) -> None:  # type: ignore[no-untyped-def]
    said = read(Ended(output="1 passed in 0.01s"), {"calls": 211}, 1)

    assert (said.verdict, said.calls) == (Verdict.CLEAN, 211)


def test_limit_leaks_shows_the_source_of_its_first_stack_alone(tmp_path: Path) -> None:
    file = tmp_path / "shop.py"
    file.write_text("OTHER.append(1)\nKEPT.append(object())\n", encoding="utf-8")

    said = with_limit_leaks.read(Ended(exit_code=1, output=LIMIT_LEAKS_FAILED.format(file=file)), {"calls": 100}, 1)

    assert said.verdict is Verdict.LEAK
    assert said.shown == ("", "KEPT.append(object())")
    assert said.facts["largest_stack_bytes"] == 2.5 * 1024**2
    assert said.facts["over_documented_limit"]


def test_tracemalloc_needs_a_block_for_every_call_in_its_first_line() -> None:
    lines = [{"blocks": 999, "bytes": 90_000}, {"blocks": 1000, "bytes": 16_000}]

    assert with_tracemalloc.decide(lines, 1000) is Verdict.CLEAN
    assert with_tracemalloc.decide(lines[::-1], 1000) is Verdict.LEAK
    assert with_tracemalloc.decide([], 1000) is Verdict.CLEAN


def test_rss_needs_more_than_its_limit() -> None:
    assert with_rss.decide(with_rss.LIMIT_BYTES) is Verdict.CLEAN
    assert with_rss.decide(with_rss.LIMIT_BYTES + 1) is Verdict.LEAK


@pytest.mark.parametrize(
    ("blocks", "descriptors", "verdict"),
    [
        ([3, 0, 0], [0, 0, 0], Verdict.CLEAN),  # CPython's own examples
        ([0, 1, 0], [0, 0, 0], Verdict.CLEAN),
        ([8, -8, 1], [0, 0, 0], Verdict.CLEAN),
        ([5, 5, 6], [0, 0, 0], Verdict.LEAK),
        ([10, 1, 1], [0, 0, 0], Verdict.LEAK),
        ([0, 0, 0], [0, 0, 1], Verdict.LEAK),
        ([0, 0, 0], [0, -1, 0], Verdict.LEAK),
    ],
)
def test_the_refleak_rule_is_cpythons(blocks: list[int], descriptors: list[int], verdict: Verdict) -> None:
    assert with_refleak.decide(blocks, descriptors) is verdict


@pytest.mark.parametrize(
    ("verdict", "rises", "said"),
    [
        ("leak", [], Verdict.LEAK),
        ("clean", ["open files"], Verdict.LEAK),
        ("bounded", [], Verdict.CLEAN),
        ("inconclusive", [], Verdict.UNDECIDED),
        ("inconclusive", ["threads"], Verdict.LEAK),
    ],
)
def test_leakcheck_is_read_by_verdict_and_resources(verdict: str, rises: list[str], said: Verdict) -> None:
    assert with_leakcheck.decide(verdict, rises) is said


def test_what_left_no_facts_behind_is_no_verdict() -> None:
    for peer in PEERS:
        said = peer.read(Ended(exit_code=1, last_words="ImportError: no such thing"), {}, 1)

        assert (said.verdict, said.detail) == (Verdict.NONE, "ImportError: no such thing")


def test_more_calls_are_written_into_the_tests_that_are_generated(tmp_path: Path) -> None:
    with_psleak.PEER.arguments(tmp_path, 1)
    assert "self.execute(function)" in (tmp_path / "test_memleaks.py").read_text(encoding="utf-8")
    with_psleak.PEER.arguments(tmp_path, 4)
    assert "self.execute(function, times=800)" in (tmp_path / "test_memleaks.py").read_text(encoding="utf-8")
    with_limit_leaks.PEER.arguments(tmp_path, 4)
    assert "range(400)" in (tmp_path / "test_leaks.py").read_text(encoding="utf-8")


def test_every_tool_has_a_name_of_its_own() -> None:
    assert len(set(TOOLS)) == len(TOOLS) == len(PEERS) + 1


def test_a_peer_replays_the_function_that_was_set_up_once(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(
        "SET_UP, CALLED = [], []\n"
        "def setup():\n    SET_UP.append(1)\n"
        "def call():\n    assert SET_UP == [1]\n    CALLED.append(bytes(3000))\n",
        encoding="utf-8",
    )
    body = Body(
        file=tmp_path / "shop.py",
        name="call",
        setup="setup",
        folder=tmp_path,
        python=Path(sys.executable),
        marked=False,
    )

    answer = ask("tracemalloc", body, tmp_path, timeout_seconds=60)

    assert answer.said.verdict is Verdict.LEAK, answer.said.detail
    assert answer.said.calls == with_tracemalloc.WARMUP_CALLS + with_tracemalloc.CALLS
    assert answer.said.shown == ("CALLED.append(bytes(3000))",)
    assert answer.cpu_seconds > 0


def test_a_peer_that_takes_too_long_is_ended_and_said_to_have_been(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import time\ndef call():\n    time.sleep(60)\n", encoding="utf-8")
    body = Body(file=tmp_path / "shop.py", name="call", folder=tmp_path, python=Path(sys.executable), marked=False)

    answer = ask("refleak rule", body, tmp_path, timeout_seconds=1)

    assert answer.timed_out
    assert (answer.said.verdict, answer.said.detail) == (Verdict.NONE, "ran past 1 s")
