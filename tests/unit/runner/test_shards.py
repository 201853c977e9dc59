"""The split into shards, what it is split by, and the parts as people write them."""

import json
import random
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.config.settings import resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.config.values import ShardSpec, parse_jobs, parse_part
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.errors import StoreError, UsageError
from leakcheck.model.run import Shard
from leakcheck.runner.collect import Collection
from leakcheck.runner.shards import Named, share_of, split
from leakcheck.storage.durations import SCHEMA, durations_of, read_durations, write_durations
from leakcheck.storage.run_file import save
from tests.unit.runs import BROKEN, CLEAN, LEAK, run_of

SECONDS = st.none() | st.floats(min_value=0, max_value=1e6)
NAMES = st.tuples(st.text(max_size=5), st.sampled_from(["a.py", "b.py"]))
SCENARIOS = st.dictionaries(NAMES, SECONDS, max_size=40)
COUNTS = st.integers(min_value=1, max_value=12)

# --- the split ------------------------------------------------------------------------------------


@given(SCENARIOS, COUNTS)
def test_each_scenario_is_in_exactly_one_shard(seconds: dict[Named, float | None], count: int) -> None:
    parts = split(seconds, count)
    assert len(parts) == count
    assert sorted(name for part in parts for name in part) == sorted(seconds)


@given(SCENARIOS, COUNTS, st.randoms(use_true_random=False))
def test_the_split_does_not_depend_on_the_order_in_which_scenarios_were_found(
    seconds: dict[Named, float | None], count: int, order: random.Random
) -> None:
    shuffled = list(seconds.items())
    order.shuffle(shuffled)
    assert split(dict(shuffled), count) == split(seconds, count)


@given(st.dictionaries(NAMES, st.floats(min_value=0, max_value=1e6), min_size=1, max_size=40), COUNTS)
def test_the_longest_shard_is_no_longer_than_an_even_share_and_the_longest_scenario(
    seconds: dict[Named, float | None], count: int
) -> None:
    loads = [sum(seconds[name] or 0.0 for name in part) for part in split(seconds, count)]
    all_seconds = [one or 0.0 for one in seconds.values()]
    assert max(loads) <= sum(all_seconds) / count + max(all_seconds) + 1e-6


@given(st.lists(st.integers(1, 30), min_size=1, max_size=7), st.integers(2, 3))
def test_the_longest_shard_keeps_to_what_graham_proved(seconds: list[int], count: int) -> None:
    named: dict[Named, float | None] = {(str(number), "a.py"): float(one) for number, one in enumerate(seconds)}
    longest = max(sum(named[name] or 0.0 for name in part) for part in split(named, count))
    assert longest <= (4 / 3 - 1 / (3 * count)) * best_there_is(seconds, count) + 1e-9


def best_there_is(seconds: list[int], count: int) -> int:
    """Return the longest part of the best split, by trying them all."""
    loads = {(0,) * count}
    for one in seconds:
        loads = {tuple(sorted((*load[:at], load[at] + one, *load[at + 1 :]))) for load in loads for at in range(count)}
    return min(map(max, loads))


@given(st.lists(st.floats(min_value=0, max_value=100), min_size=1, max_size=9), st.integers(1, 5), COUNTS)
def test_what_nobody_has_timed_counts_as_the_median_of_the_rest(known: list[float], unknown: int, count: int) -> None:
    timed: dict[Named, float | None] = {(str(number), "a.py"): one for number, one in enumerate(known)}
    new = [(f"new {number}", "a.py") for number in range(unknown)]
    assert split({**timed, **dict.fromkeys(new)}, count) == split({**timed, **dict.fromkeys(new, median(known))}, count)


def test_without_any_duration_the_shards_hold_as_many_scenarios() -> None:
    parts = split({(str(number), ""): None for number in range(8)}, 3)
    assert sorted(map(len, parts)) == [2, 3, 3]


def test_what_takes_no_time_is_shared_out_too() -> None:
    assert sorted(map(len, split({(str(number), ""): 0.0 for number in range(6)}, 3))) == [2, 2, 2]


def test_more_shards_than_scenarios_leave_some_empty() -> None:
    assert sorted(map(len, split({("one", ""): 1.0, ("two", ""): 1.0}, 4))) == [0, 0, 1, 1]


# --- the share of one shard -----------------------------------------------------------------------

SCENES = tuple(ScenarioInfo(target=f"{name}.py::{name}", name=name) for name in "dbcae")
FOUND = Collection(scenarios=SCENES, failed=(BROKEN,), environment=None)


def shares(count: int, tmp_path: Path, durations: str | None = None) -> list[tuple[Collection, Shard | None]]:
    said = [SettingsLayer(shard=f"{number}/{count}", durations=durations) for number in range(1, count + 1)]
    return [share_of(FOUND, resolve(one, environment={}, folder=tmp_path)) for one in said]


def test_the_shards_together_hold_all_in_the_order_they_were_found(tmp_path: Path) -> None:
    found = shares(3, tmp_path)
    assert sorted(one.id for part, _ in found for one in part.scenarios) == list("abcde")
    for number, (part, shard) in enumerate(found, 1):
        assert [one for one in SCENES if one in part.scenarios] == list(part.scenarios)
        assert shard == Shard(number=number, count=3, whole=tuple("dbcae"))


def test_what_could_not_be_read_is_told_by_one_shard_alone(tmp_path: Path) -> None:
    assert [part.failed for part, _ in shares(3, tmp_path)] == [(BROKEN,), (), ()]


def test_two_scenarios_of_one_name_in_two_files_are_two(tmp_path: Path) -> None:
    twins = tuple(ScenarioInfo(target=f"{file}.py::same", name="same") for file in "ab")
    found = Collection(scenarios=twins, failed=(), environment=None)
    said = [resolve(SettingsLayer(shard=f"{number}/2"), environment={}, folder=tmp_path) for number in (1, 2)]
    assert sorted(one.target for each in said for one in share_of(found, each)[0].scenarios) == [
        "a.py::same",
        "b.py::same",
    ]


def test_without_a_shard_all_is_measured(tmp_path: Path) -> None:
    assert share_of(FOUND, resolve(SettingsLayer(), environment={}, folder=tmp_path)) == (FOUND, None)


def test_the_file_beside_the_project_is_split_by_without_being_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    seconds = {"a": 10, "b": 1, "c": 1, "d": 1, "e": 1}
    (tmp_path / "leakcheck-durations.json").write_text(json.dumps({"schema": SCHEMA, "seconds": seconds}))
    assert [[one.id for one in part.scenarios] for part, _ in shares(2, tmp_path)] == [["a"], list("dbce")]


# --- durations ------------------------------------------------------------------------------------

TIMED = run_of(replace(CLEAN, duration_seconds=2.346), replace(LEAK, duration_seconds=40), BROKEN)


def test_durations_are_written_a_line_each_and_read_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "durations.json"
    write_durations(file, TIMED)
    assert read_durations(file) == {"newsletter[iterator]": 2.35, "newsletter[retained]": 40}
    assert '\n    "newsletter[iterator]": 2.35,\n' in file.read_text()


def test_a_saved_run_or_its_folder_stands_in_for_a_file_of_durations(tmp_path: Path) -> None:
    save(TIMED, tmp_path / "run.json")
    assert read_durations(tmp_path / "run.json") == read_durations(tmp_path) == durations_of(TIMED)
    assert durations_of(TIMED) == {"newsletter[iterator]": 2.346, "newsletter[retained]": 40}


def test_of_two_scenarios_of_one_name_the_longer_is_remembered() -> None:
    twice = run_of(replace(CLEAN, duration_seconds=5), replace(CLEAN, target="other.py", duration_seconds=3))
    assert durations_of(twice) == {CLEAN.id: 5}


def durations(seconds: object, schema: object = SCHEMA) -> bytes:
    return json.dumps({"schema": schema, "seconds": seconds}).encode()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (durations({"a": -1}), "says that 'a' took -1.0 s; write it anew with: leakcheck merge DIR --durations FILE"),
        (durations({"a": True}), "is not a file of durations"),
        (durations({"a": "1"}), "is not a file of durations"),
        (durations({"a": None}), "is not a file of durations"),
        (durations({"a": 10**400}), "is not a file of durations"),
        (durations([1]), "is not a file of durations"),
        (durations({"a": float("nan")}), "is not a file of durations"),
        (durations({"a": float("inf")}), "is not a file of durations"),
        (durations({}, "leakcheck.durations/2"), "has the schema 'leakcheck.durations/2'; this leakcheck reads"),
        (durations({}, "somebody.else/1"), "has the schema 'somebody.else/1'"),
        (durations({}, 3), "is not a run document"),
        (b"", "is not a run document"),
        (b"\xff\xfe", "is not a run document"),
        (b"{}", "is not a run document"),
        (b"[" * 100_000, "is not a run document"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_strangers_file_is_refused_in_one_short_line(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "durations.json").write_bytes(data)
    with pytest.raises(StoreError) as caught:
        read_durations(tmp_path / "durations.json")
    assert says in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_file_that_is_not_there_or_is_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere\.json: cannot be read"):
        read_durations(tmp_path / "nowhere.json")
    with pytest.raises(StoreError, match=r"/dev/zero: cannot be read \(it is a device, and no file\)"):
        read_durations(Path("/dev/zero"))


def test_a_file_larger_than_any_of_ours_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "durations.json").open("wb") as file:
        file.truncate(300 * 1024**2)  # a hole: it takes no room
    with pytest.raises(StoreError, match="is larger than any run we write"):
        read_durations(tmp_path / "durations.json")


# --- as people write it ---------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["2/3", " 2 / 3 ", "02/03"])
def test_a_part_is_read(text: str) -> None:
    assert parse_part(text) == ShardSpec(number=2, count=3)
    assert str(parse_part(text)) == "2/3"


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_every_part_is_read_as_it_is_printed(one: int, other: int) -> None:
    part = ShardSpec(number=min(one, other), count=max(one, other))
    assert parse_part(str(part)) == part


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0/3", "the shards of 3 are numbered from 1/3 to 3/3"),
        ("4/3", "the shards of 3 are numbered from 1/3 to 3/3"),
        ("1/0", "is split into 1 to 1,000 shards"),
        ("1/1001", "is split into 1 to 1,000 shards"),
        *((text, "write I/N, for example 2/3") for text in ("", "2", "2/", "a/b", "-1/3", "1.5/3", "1/3/5", "²/3")),
    ],
)
def test_what_is_no_part_is_refused_with_what_to_write(text: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_part(text)
    assert says in str(caught.value)


def test_jobs_are_a_number_or_auto() -> None:
    assert [parse_jobs(said) for said in (1, "4", "auto")] == [1, 4, None]


@pytest.mark.parametrize("said", [0, -1, "0", "many", "", "1.5", "²"])
def test_what_is_no_number_of_jobs_is_refused(said: int | str) -> None:
    with pytest.raises(UsageError, match="--jobs"):
        parse_jobs(said)
