"""The split into shards, the durations that it uses, and the notation of a shard."""

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
from leakcheck.config.values import ShardSpec, parse_jobs, parse_shard
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.errors import StoreError, UsageError
from leakcheck.model.run import Shard
from leakcheck.runner.collect import Collection
from leakcheck.runner.shards import ScenarioKey, share_of, split
from leakcheck.storage.durations import SCHEMA, durations_of, read_durations, write_durations
from leakcheck.storage.run_file import save
from tests.unit.runs import BROKEN, CLEAN, LEAK, run_of

SECONDS = st.none() | st.floats(min_value=0, max_value=1e6)
NAMES = st.tuples(st.text(max_size=5), st.sampled_from(["a.py", "b.py"]))
SCENARIOS = st.dictionaries(NAMES, SECONDS, max_size=40)
COUNTS = st.integers(min_value=1, max_value=12)

# --- the split ------------------------------------------------------------------------------------


@given(SCENARIOS, COUNTS)
def test_each_scenario_is_in_exactly_one_shard(seconds: dict[ScenarioKey, float | None], count: int) -> None:
    parts = split(seconds, count)
    assert len(parts) == count
    assert sorted(name for part in parts for name in part) == sorted(seconds)


@given(SCENARIOS, COUNTS, st.randoms(use_true_random=False))
def test_the_split_does_not_depend_on_the_order_in_which_scenarios_were_found(
    seconds: dict[ScenarioKey, float | None], count: int, order: random.Random
) -> None:
    shuffled = list(seconds.items())
    order.shuffle(shuffled)
    assert split(dict(shuffled), count) == split(seconds, count)


@given(st.dictionaries(NAMES, st.floats(min_value=0, max_value=1e6), min_size=1, max_size=40), COUNTS)
def test_the_longest_shard_is_no_longer_than_an_even_share_and_the_longest_scenario(
    seconds: dict[ScenarioKey, float | None], count: int
) -> None:
    loads = [sum(seconds[name] or 0.0 for name in part) for part in split(seconds, count)]
    all_seconds = [duration or 0.0 for duration in seconds.values()]
    assert max(loads) <= sum(all_seconds) / count + max(all_seconds) + 1e-6


@given(st.lists(st.integers(1, 30), min_size=1, max_size=7), st.integers(2, 3))
def test_the_longest_shard_is_within_the_bound_that_graham_proved(seconds: list[int], count: int) -> None:
    named: dict[ScenarioKey, float | None] = {
        (str(number), "a.py"): float(duration) for number, duration in enumerate(seconds)
    }
    longest = max(sum(named[name] or 0.0 for name in part) for part in split(named, count))
    assert longest <= (4 / 3 - 1 / (3 * count)) * longest_of_best_split(seconds, count) + 1e-9


def longest_of_best_split(seconds: list[int], count: int) -> int:
    """Return the longest part of the best split, by trying them all."""
    loads = {(0,) * count}
    for duration in seconds:
        loads = {
            tuple(sorted((*load[:part], load[part] + duration, *load[part + 1 :])))
            for load in loads
            for part in range(count)
        }
    return min(map(max, loads))


@given(st.lists(st.floats(min_value=0, max_value=100), min_size=1, max_size=9), st.integers(1, 5), COUNTS)
def test_an_unknown_duration_counts_as_the_median_of_the_known_ones(
    known: list[float], unknown: int, count: int
) -> None:
    timed: dict[ScenarioKey, float | None] = {(str(number), "a.py"): duration for number, duration in enumerate(known)}
    new = [(f"new {number}", "a.py") for number in range(unknown)]
    assert split({**timed, **dict.fromkeys(new)}, count) == split({**timed, **dict.fromkeys(new, median(known))}, count)


def test_without_any_duration_the_shards_hold_equally_many_scenarios() -> None:
    parts = split({(str(number), ""): None for number in range(8)}, 3)
    assert sorted(map(len, parts)) == [2, 3, 3]


def test_scenarios_that_take_no_time_are_spread_too() -> None:
    assert sorted(map(len, split({(str(number), ""): 0.0 for number in range(6)}, 3))) == [2, 2, 2]


def test_more_shards_than_scenarios_leave_some_empty() -> None:
    assert sorted(map(len, split({("one", ""): 1.0, ("two", ""): 1.0}, 4))) == [0, 0, 1, 1]


# --- the share of one shard -----------------------------------------------------------------------

SCENARIO_INFOS = tuple(ScenarioInfo(target=f"{name}.py::{name}", name=name) for name in "dbcae")
COLLECTION = Collection(scenarios=SCENARIO_INFOS, failed=(BROKEN,), environment=None)


def shares(count: int, tmp_path: Path, durations: str | None = None) -> list[tuple[Collection, Shard | None]]:
    layers = [SettingsLayer(shard=f"{number}/{count}", durations=durations) for number in range(1, count + 1)]
    return [share_of(COLLECTION, resolve(layer, environment={}, folder=tmp_path)) for layer in layers]


def test_the_shards_together_hold_all_scenarios_in_the_order_of_collection(tmp_path: Path) -> None:
    all_shares = shares(3, tmp_path)
    assert sorted(info.id for part, _ in all_shares for info in part.scenarios) == list("abcde")
    for number, (part, shard) in enumerate(all_shares, 1):
        assert [info for info in SCENARIO_INFOS if info in part.scenarios] == list(part.scenarios)
        assert shard == Shard(number=number, count=3, whole=tuple("dbcae"))


def test_a_file_that_could_not_be_read_is_reported_by_one_shard_alone(tmp_path: Path) -> None:
    assert [part.failed for part, _ in shares(3, tmp_path)] == [(BROKEN,), (), ()]


def test_two_scenarios_of_one_name_in_two_files_are_two(tmp_path: Path) -> None:
    twins = tuple(ScenarioInfo(target=f"{file}.py::same", name="same") for file in "ab")
    collection = Collection(scenarios=twins, failed=(), environment=None)
    both = [resolve(SettingsLayer(shard=f"{number}/2"), environment={}, folder=tmp_path) for number in (1, 2)]
    assert sorted(info.target for settings in both for info in share_of(collection, settings)[0].scenarios) == [
        "a.py::same",
        "b.py::same",
    ]


def test_without_a_shard_everything_is_measured(tmp_path: Path) -> None:
    assert share_of(COLLECTION, resolve(SettingsLayer(), environment={}, folder=tmp_path)) == (COLLECTION, None)


def test_the_durations_file_beside_pyproject_is_used_without_being_named(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    seconds = {"a": 10, "b": 1, "c": 1, "d": 1, "e": 1}
    (tmp_path / "leakcheck-durations.json").write_text(json.dumps({"schema": SCHEMA, "seconds": seconds}))
    assert [[info.id for info in part.scenarios] for part, _ in shares(2, tmp_path)] == [["a"], list("dbce")]


# --- durations ------------------------------------------------------------------------------------

TIMED = run_of(replace(CLEAN, duration_seconds=2.346), replace(LEAK, duration_seconds=40), BROKEN)


def test_durations_are_written_one_per_line_and_read_back(tmp_path: Path) -> None:
    file = tmp_path / "durations.json"
    write_durations(file, TIMED)
    assert read_durations(file) == {"newsletter[iterator]": 2.35, "newsletter[retained]": 40}
    assert '\n    "newsletter[iterator]": 2.35,\n' in file.read_text()


def test_a_saved_run_or_its_folder_can_be_used_as_a_file_of_durations(tmp_path: Path) -> None:
    save(TIMED, tmp_path / "run.json")
    assert read_durations(tmp_path / "run.json") == read_durations(tmp_path) == durations_of(TIMED)
    assert durations_of(TIMED) == {"newsletter[iterator]": 2.346, "newsletter[retained]": 40}


def test_of_two_scenarios_with_the_same_name_the_longer_duration_is_kept() -> None:
    twice = run_of(replace(CLEAN, duration_seconds=5), replace(CLEAN, target="other.py", duration_seconds=3))
    assert durations_of(twice) == {CLEAN.id: 5}


def durations(seconds: object, schema: object = SCHEMA) -> bytes:
    return json.dumps({"schema": schema, "seconds": seconds}).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (durations({"a": -1}), "'a' has a duration of -1.0 s; write it again: leakcheck merge DIR --durations FILE"),
        (durations({"a": True}), "not a durations file"),
        (durations({"a": "1"}), "not a durations file"),
        (durations({"a": None}), "not a durations file"),
        (durations({"a": 10**400}), "not a durations file"),
        (durations([1]), "not a durations file"),
        (durations({"a": float("nan")}), "not a durations file"),
        (durations({"a": float("inf")}), "not a durations file"),
        (durations({}, "leakcheck.durations/2"), "has the schema 'leakcheck.durations/2'; this leakcheck reads"),
        (durations({}, "somebody.else/1"), "has the schema 'somebody.else/1'"),
        (durations({}, 3), "not a run document"),
        (b"", "not a run document"),
        (b"\xff\xfe", "not a run document"),
        (b"{}", "not a run document"),
        (b"[" * 100_000, "not a run document"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_foreign_file_is_refused_in_one_short_line(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "durations.json").write_bytes(data)
    with pytest.raises(StoreError) as caught:
        read_durations(tmp_path / "durations.json")
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400


def test_the_error_for_a_missing_file_or_a_device_names_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere\.json: cannot be read"):
        read_durations(tmp_path / "nowhere.json")
    with pytest.raises(StoreError, match=r"/dev/zero: cannot be read \(it is a device and not a file\)"):
        read_durations(Path("/dev/zero"))


def test_a_file_larger_than_any_run_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "durations.json").open("wb") as file:
        file.truncate(300 * 1024**2)  # a hole: it takes no room
    with pytest.raises(StoreError, match="too large for a durations file; the limit is 256 MiB"):
        read_durations(tmp_path / "durations.json")


# --- notation -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["2/3", " 2 / 3 ", "02/03"])
def test_a_shard_is_parsed(text: str) -> None:
    assert parse_shard(text) == ShardSpec(number=2, count=3)
    assert str(parse_shard(text)) == "2/3"


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_every_shard_is_parsed_from_its_own_text(first: int, second: int) -> None:
    part = ShardSpec(number=min(first, second), count=max(first, second))
    assert parse_shard(str(part)) == part


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0/3", "3 shards are numbered 1/3 to 3/3"),
        ("4/3", "3 shards are numbered 1/3 to 3/3"),
        ("1/0", "there may be 1 to 1,000 shards"),
        ("1/1001", "there may be 1 to 1,000 shards"),
        *((text, "write I/N, for example 2/3") for text in ("", "2", "2/", "a/b", "-1/3", "1.5/3", "1/3/5", "²/3")),
    ],
)
def test_an_invalid_shard_is_refused_with_the_notation(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_shard(text)
    assert message in str(caught.value)


def test_jobs_are_a_number_or_auto() -> None:
    assert [parse_jobs(value) for value in (1, "4", "auto")] == [1, 4, None]


@pytest.mark.parametrize("value", [0, -1, "0", "many", "", "1.5", "²"])
def test_an_invalid_number_of_jobs_is_refused(value: int | str) -> None:
    with pytest.raises(UsageError, match="write a number, 1 or more, or auto"):
        parse_jobs(value)
