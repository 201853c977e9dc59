"""The baseline file: its format, and that invalid files are refused and valid ones never lost."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leakcheck.model.baseline import SCHEMA, Baseline, BaselineEntry
from leakcheck.model.document_text import escape_text_fields
from leakcheck.model.errors import StoreError
from leakcheck.model.verdict import Verdict
from leakcheck.storage.baseline_file import encode_baseline, load_baseline, save_baseline
from tests.unit.hostile import text_of_others
from tests.unit.runs import ENVIRONMENT

GOLD = Path(__file__).parents[1] / "gold" / "baseline.json"
NEWSLETTER = "scenarios/newsletter/scenario.py::newsletter"
CLEAN = BaselineEntry(verdict=Verdict.CLEAN, target=NEWSLETTER, growth_bytes_per_1000_calls=0, peak_bytes=4_646_740)
LEAK = BaselineEntry(
    verdict=Verdict.LEAK,
    target=NEWSLETTER,
    growth_bytes_per_1000_calls=146_456_560,
    peak_bytes=80_039_912,
    reason="ticket 12: “kept” until the audit log moves",
)
MAPPED = BaselineEntry(
    verdict=Verdict.LEAK, target="shop.maps:open_all", note="growth is not kept: only resident pages show it"
)
BASELINE = Baseline(
    schema=SCHEMA,
    environments={
        "cpython-3.12-linux-x86_64-pymalloc": {"newsletter[iterator]": CLEAN},
        ENVIRONMENT.key: {"newsletter[retained]": LEAK, "newsletter[iterator]": CLEAN, "maps": MAPPED},
    },
)


def test_the_file_is_as_its_gold_file() -> None:
    written = encode_baseline(BASELINE)
    if os.environ.get("LEAKCHECK_GOLD") == "write":
        GOLD.write_bytes(written)
    assert written == GOLD.read_bytes()


def test_the_key_of_an_environment_holds_what_figures_depend_on() -> None:
    assert ENVIRONMENT.key == "cpython-3.11-linux-x86_64-pymalloc"
    assert replace(ENVIRONMENT, python="3.13.0rc1").key == "cpython-3.13-linux-x86_64-pymalloc"
    assert replace(ENVIRONMENT, allocator="malloc", platform="darwin-arm64").key == "cpython-3.11-darwin-arm64-malloc"
    assert replace(ENVIRONMENT, executable="elsewhere", libc="musl", git_dirty=None).key == ENVIRONMENT.key


def test_a_saved_baseline_is_loaded_unchanged(tmp_path: Path) -> None:
    save_baseline(BASELINE, tmp_path / "baseline.json")
    assert load_baseline(tmp_path / "baseline.json") == BASELINE
    assert [path.name for path in tmp_path.iterdir()] == ["baseline.json"]


def test_the_file_does_not_depend_on_the_order_of_entries() -> None:
    reordered = {
        environment: dict(reversed([*entries.items()]))
        for environment, entries in reversed([*BASELINE.environments.items()])
    }
    assert encode_baseline(replace(BASELINE, environments=reordered)) == encode_baseline(BASELINE)


def test_a_changed_figure_is_one_changed_line() -> None:
    entries = {**BASELINE.environments[ENVIRONMENT.key], "newsletter[retained]": replace(LEAK, peak_bytes=1)}
    after = replace(BASELINE, environments={**BASELINE.environments, ENVIRONMENT.key: entries})
    lines = zip(encode_baseline(BASELINE).splitlines(), encode_baseline(after).splitlines(), strict=True)
    assert sum(old != new for old, new in lines) == 1


def test_a_missing_file_is_no_baseline(tmp_path: Path) -> None:
    assert load_baseline(tmp_path / "baseline.json") is None


def with_entry(**changes: Any) -> bytes:
    document = json.loads(encode_baseline(BASELINE))
    document["environments"][ENVIRONMENT.key]["newsletter[retained]"].update(changes)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        encode_baseline(BASELINE)[:-30],
        b"[" * 200_000,
        b"\xff\xfe\x00",
        b'{"schema": "leakcheck.baseline/1", "environments": []}',
        b'{"schema": "leakcheck.baseline/1", "environments": {"x": {"y": 3}}}',
        with_entry(verdict="splendid"),
        with_entry(growth_bytes_per_1000_calls="12"),
        with_entry(growth_bytes_per_1000_calls=1.5),
        with_entry(growth_bytes_per_1000_calls=-1),
        with_entry(peak_bytes=True),
        with_entry(peak_bytes=10**400),
        with_entry(peak_bytes=float("nan")),
        with_entry(target=None),
    ],
    ids=lambda data: repr(data[:20]),
)
def test_an_invalid_baseline_is_refused_in_one_short_line(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "baseline.json"
    file.write_bytes(data)
    with pytest.raises(StoreError, match=r"baseline\.json: not a baseline") as caught:
        load_baseline(file)
    assert len(str(caught.value)) < 400
    assert file.read_bytes() == data


def test_marks_of_an_unfinished_merge_are_reported_as_that(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    file.write_bytes(b"{\n<<<<<<< HEAD\n}\n=======\n}\n>>>>>>> theirs\n")
    with pytest.raises(StoreError, match=r"contains git's conflict markers; .* leakcheck baseline update"):
        load_baseline(file)


def test_the_error_for_another_schema_names_both_schemas(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    save = encode_baseline(BASELINE).replace(SCHEMA.encode(), b"leakcheck.baseline/2")
    file.write_bytes(save)
    with pytest.raises(StoreError, match=r"has the schema 'leakcheck\.baseline/2'; this leakcheck reads .*/1"):
        load_baseline(file)


def test_an_unreadable_file_is_not_treated_as_missing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be read"):
        load_baseline(tmp_path)
    huge = tmp_path / "baseline.json"
    with huge.open("wb") as file:
        file.truncate(16 * 1024**2 + 1)
    with pytest.raises(StoreError, match=r"too large for a baseline; the limit is 16\.0 MiB"):
        load_baseline(huge)


def test_a_baseline_that_could_not_be_loaded_again_is_not_written(tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    save_baseline(BASELINE, file)
    with pytest.raises(StoreError):
        save_baseline(Baseline(schema=SCHEMA, environments={"here": {"x": replace(LEAK, peak_bytes=10**30)}}), file)
    assert load_baseline(file) == BASELINE


ENTRIES = st.builds(
    BaselineEntry,
    verdict=st.sampled_from(Verdict),
    target=text_of_others,
    growth_bytes_per_1000_calls=st.none() | st.integers(0, 2**60),
    peak_bytes=st.none() | st.integers(0, 2**60),
    reason=text_of_others,
)
NAMES = text_of_others


@settings(max_examples=60)
@given(st.dictionaries(NAMES, st.dictionaries(NAMES, ENTRIES, max_size=3), max_size=3))
def test_any_names_and_reasons_are_loaded_again_with_control_characters_escaped(
    tmp_path_factory: pytest.TempPathFactory, environments: dict[str, dict[str, BaselineEntry]]
) -> None:
    file = tmp_path_factory.getbasetemp() / "any-baseline.json"
    saved = Baseline(schema=SCHEMA, environments=environments)
    save_baseline(saved, file)
    assert load_baseline(file) == escape_text_fields(saved)
