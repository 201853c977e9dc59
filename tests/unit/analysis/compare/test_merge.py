"""Merging runs: which belong together, which environments are comparable, and the merged run."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leakcheck.analysis.compare.merge import SavedShard, merge_problems, merge_runs
from leakcheck.model.errors import ExitCode
from leakcheck.model.explanation import KnownEntry, KnownLeak
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Result
from leakcheck.model.run import Run, Shard
from leakcheck.model.verdict import Gate
from leakcheck.runner.session import exit_code
from tests.unit.runs import BROKEN, CLEAN, ENVIRONMENT, LEAK, run_of

NAMES = ("delta", "alpha", "echo", "bravo", "charlie")
UNREADABLE = replace(
    BROKEN, scenario="bad.py", target="bad.py", failure=Failure(kind=FailureKind.IMPORT, message="SyntaxError: no")
)


def result(name: str, like: Result = CLEAN) -> Result:
    return replace(like, scenario=name, variant=None, target=f"file.py::{name}")


def shard(number: int, *results: Result, count: int = 3, whole: Sequence[str] = NAMES, **changes: Any) -> Run:
    run = run_of(*results, finished=True)
    return replace(run, shard=Shard(number=number, count=count, whole=tuple(whole)), **changes)


ONE = shard(1, UNREADABLE, result("alpha"), result("bravo"), duration_seconds=10.0)
TWO = shard(2, result("delta", LEAK), result("charlie"), duration_seconds=12.0, started="2026-11-24T09-00-00+00:00")
THREE = shard(3, result("echo"), duration_seconds=11.0)


def saved(*runs: Run) -> list[SavedShard]:
    return [SavedShard(where=f"run {letter}", run=run) for letter, run in zip("abcdefgh", runs, strict=False)]


def reasons(*runs: Run) -> list[str]:
    return list(merge_problems(saved(*runs)))


# --- which runs belong together -------------------------------------------------------------------


def test_all_shards_of_a_whole_can_be_merged_in_any_order() -> None:
    assert reasons(ONE, TWO, THREE) == []
    assert reasons(THREE, ONE, TWO) == []
    assert reasons() == []


def test_an_empty_shard_belongs_to_the_whole() -> None:
    four = [replace(run, shard=replace(run.shard, count=4)) for run in (ONE, TWO, THREE) if run.shard is not None]
    assert reasons(*four, shard(4, count=4)) == []


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([ONE, THREE], ["shard 2 of 3 is missing"]),
        ([TWO], ["shard 1 of 3 is missing", "shard 3 of 3 is missing"]),
        ([ONE, TWO, THREE, replace(THREE, results=())], ["shard 3 of 3 occurs 2 times: run c and run d"]),
        ([ONE, TWO, replace(THREE, finished=False)], ["run c was not finished: measure it again"]),
        ([ONE, TWO, shard(3, count=4)], ["run a is one of 3 shards, and run c one of 4"]),
        (
            [ONE, TWO, shard(3, result("echo"), whole=(*NAMES[:-1], "foxtrot"))],
            ["run a and run c are shards of different runs: only one has charlie and only one has foxtrot"],
        ),
        (
            [ONE, TWO, shard(3, result("echo"), whole=sorted(NAMES))],
            ["run a and run c are shards of different runs: their scenarios are in a different order"],
        ),
        ([ONE, TWO, shard(3)], ["no shard measured echo; were all shards split by the same durations file?"]),
        ([ONE, TWO, shard(3, result("echo"), result("alpha"))], ["alpha was measured in run a and in run c"]),
        (
            [ONE, TWO, shard(3, result("echo"), result("golf"))],
            ["golf was measured, but is not part of the collection"],
        ),
        ([ONE, TWO, shard(5, result("echo"))], ["run c claims to be shard 5 of 3", "shard 3 of 3 is missing"]),
        (
            [ONE, TWO, replace(THREE, shard=None)],
            ["run a is a shard and run c is not: merge only shards, or only whole runs"],
        ),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, list) and value and isinstance(value[0], str) else "",
)
def test_runs_that_do_not_belong_together_are_refused_with_a_reason(runs: list[Run], expected: list[str]) -> None:
    assert reasons(*runs) == expected


def test_all_reasons_are_reported_at_once() -> None:
    other = replace(THREE, finished=False, environment=replace(ENVIRONMENT, python="3.12.1"))
    assert reasons(ONE, other) == [
        "run b was not finished: measure it again",
        "run a and run b differ: Python: 3.11, 3.12",
        "shard 2 of 3 is missing",
    ]


def test_an_absurd_shard_count_is_answered_quickly_and_briefly() -> None:
    huge = shard(1, count=10**18)
    assert reasons(huge) == [f"shard {number} of 1,000,000,000,000,000,000 is missing" for number in range(2, 7)]


@pytest.mark.parametrize("count", [0, -3])
def test_a_shard_count_below_one_is_refused(count: int) -> None:
    assert reasons(shard(1, count=count)) != []


def test_scenarios_of_the_same_name_in_two_files_are_no_duplicates() -> None:
    twins = [replace(result("same"), target=f"{file}.py::same") for file in "ba"]
    runs = [shard(number, twin, count=2, whole=("same", "same")) for number, twin in enumerate(twins, 1)]
    assert reasons(*runs) == []
    assert [merged.target for merged in merge_runs(runs, ()).results] == ["a.py::same", "b.py::same"]


# --- the environment ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"implementation": "pypy"}, "implementation: cpython, pypy"),
        ({"python": "3.12.0"}, "Python: 3.11, 3.12"),
        ({"platform": "darwin-arm64"}, "platform: linux-x86_64, darwin-arm64"),
        ({"allocator": "malloc"}, "allocator: pymalloc, malloc"),
        ({"libc": "glibc 2.39"}, "libc: glibc 2.36, glibc 2.39"),
        ({"leakcheck": "0.2.0"}, "leakcheck: 0.1.0, 0.2.0"),
        ({"git_commit": "f" * 40}, f"commit: 5aaf40e0123456789, {'f' * 40}"),
        ({"git_commit": None}, "commit: 5aaf40e0123456789, none"),
        ({"packages": {"Django": "6.0"}}, "package Django: 5.2.19, 6.0"),
        ({"packages": {"Django": "5.2.19", "attrs": "1"}}, "package attrs: none, 1"),
        ({"packages": {}}, "package Django: 5.2.19, none"),
    ],
)
def test_a_difference_of_environments_is_reported(changes: dict[str, Any], expected: str) -> None:
    other = replace(TWO, environment=replace(ENVIRONMENT, **changes))
    assert reasons(ONE, other, THREE) == [f"run a and run b differ: {expected}"]


@pytest.mark.parametrize("changes", [{"python": "3.11.9"}, {"executable": "/elsewhere"}, {"git_dirty": False}])
def test_a_difference_that_does_not_matter_is_ignored(changes: dict[str, Any]) -> None:
    assert reasons(ONE, replace(TWO, environment=replace(ENVIRONMENT, **changes)), THREE) == []


def test_a_run_without_an_environment_is_not_comparable() -> None:
    (reason,) = reasons(ONE, replace(TWO, environment=None), THREE)
    assert reason == "run a and run b differ: the environment of one of them is unknown"


def test_all_runs_must_have_the_same_baseline() -> None:
    (reason,) = reasons(ONE, replace(TWO, baseline="leakcheck-baseline.json"), THREE)
    assert reason == "run a and run b differ: baseline: none, leakcheck-baseline.json"


def test_of_many_different_packages_a_few_are_listed() -> None:
    other = replace(ENVIRONMENT, packages={f"package{number}": "1" for number in range(1000)})
    assert len(reasons(ONE, replace(TWO, environment=other), THREE)) == 6


# --- unsharded runs ------------------------------------------------------------------------------


def test_unsharded_runs_of_different_scenarios_can_be_merged() -> None:
    runs = [run_of(result("zulu"), result("alpha")), run_of(result("kilo"))]
    assert reasons(*runs) == []
    assert [merged.id for merged in merge_runs(runs, ()).results] == ["zulu", "alpha", "kilo"]


def test_runs_of_the_same_scenario_cannot_be_merged() -> None:
    assert reasons(run_of(result("alpha")), run_of(result("alpha"))) == ["alpha was measured in run a and in run b"]


# --- the merged run -------------------------------------------------------------------------------


def test_the_merged_run_is_as_if_all_had_been_measured_at_once() -> None:
    run = merge_runs([THREE, TWO, ONE], ["leakcheck", "merge"])
    assert [merged.id for merged in run.results] == ["bad.py", *NAMES]
    assert (run.finished, run.shard, run.command) == (True, None, ("leakcheck", "merge"))
    # it started with the first run, and took as long as the longest
    assert (run.started, run.duration_seconds) == (TWO.started, 12.0)
    assert run.environment == ENVIRONMENT


def test_the_exit_code_of_a_merged_run_is_that_of_all_results() -> None:
    whole = merge_runs([ONE, TWO, THREE], ())
    assert exit_code(whole.results) is ExitCode.SCENARIO_FAILED
    assert (
        exit_code(merge_runs([replace(ONE, results=ONE.results[1:]), TWO, THREE], ()).results) is ExitCode.OVER_BUDGET
    )


def test_a_merged_run_is_dirty_if_any_run_was() -> None:
    clean, dirty = (
        replace(run, environment=replace(ENVIRONMENT, git_dirty=is_dirty))
        for run, is_dirty in ((ONE, False), (TWO, True))
    )
    environment = merge_runs([clean, dirty], ()).environment
    assert environment is not None
    assert environment.git_dirty is True


def test_a_known_leak_is_unseen_only_if_no_shard_saw_it() -> None:
    occurring, missing = KnownEntry(match="*SENT*", reason="ticket 12"), KnownEntry(match="*OUTBOX*", reason="ticket 7")
    leak = KnownLeak(entry="*SENT*", reason="ticket 12", bytes_per_1000_calls=1.0, share=1.0)
    known = replace(TWO.results[0], known_leaks=(leak,), gate=Gate.WITHIN)
    runs = [
        replace(ONE, known_leaks_not_found=(occurring, missing)),
        replace(TWO, results=(known, TWO.results[1]), known_leaks_not_found=(missing,)),
        THREE,
    ]
    assert merge_runs(runs, ()).known_leaks_not_found == (missing,)


@settings(max_examples=60)
@given(st.permutations([ONE, TWO, THREE]))
def test_the_order_of_the_runs_changes_nothing(runs: list[Run]) -> None:
    assert merge_runs(runs, ()) == merge_runs([ONE, TWO, THREE], ())
