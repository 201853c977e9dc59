"""Saved runs: written completely or not at all, and validated when they are loaded."""

import json
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest import mock

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leakcheck.model.errors import NothingMeasured, StoreError
from leakcheck.model.result import Result
from leakcheck.model.run import SCHEMA, Run
from leakcheck.storage.document import write_atomically
from leakcheck.storage.run_file import (
    DOCUMENT,
    RunFile,
    encode,
    file_in_folder,
    load,
    make_run_folder,
    newest_run,
    run_schema,
    save,
)
from tests.unit.runs import BOUNDED, BROKEN, CLEAN, LEAK, UNSURE, run_of

RUN = run_of(CLEAN, LEAK, BOUNDED, UNSURE, BROKEN)
STARTED = datetime(2026, 11, 24, 10, 12, 7)


def test_a_saved_run_is_loaded_unchanged_from_its_file_or_its_folder(tmp_path: Path) -> None:
    save(RUN, tmp_path / DOCUMENT)
    assert load(tmp_path / DOCUMENT) == RUN
    assert load(tmp_path) == RUN


def test_a_document_saved_after_each_result_is_the_same_as_one_saved_once(tmp_path: Path) -> None:
    file = RunFile(tmp_path / DOCUMENT)
    for count in range(len(RUN.results) + 1):
        run = replace(RUN, results=RUN.results[:count], duration_seconds=float(count))
        file.save(run)
        assert file.path.read_bytes() == encode(run)
    file.save(replace(RUN, results=RUN.results[::-1], finished=True))
    assert load(tmp_path).results == RUN.results[::-1]


def test_in_a_document_saved_after_each_result_every_result_is_encoded_once(tmp_path: Path) -> None:
    file = RunFile(tmp_path / DOCUMENT)
    file.save(RUN)
    with mock.patch("leakcheck.storage.run_file.msgspec.json.encode", wraps=msgspec.json.encode) as encoding:
        file.save(replace(RUN, results=(*RUN.results, replace(CLEAN, scenario="one more"))))
    assert [type(call.args[0]) for call in encoding.call_args_list] == [Result, dict]


def test_a_run_folder_is_named_after_its_start_and_belongs_to_one_run(tmp_path: Path) -> None:
    parent = tmp_path / "reports"
    names = [make_run_folder(parent, STARTED).name for _ in range(3)]
    assert names == ["2026-11-24T10-12-07", "2026-11-24T10-12-07-2", "2026-11-24T10-12-07-3"]


def test_the_error_for_a_file_in_place_of_the_folder_names_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "reports").touch()
    with pytest.raises(StoreError, match="choose another with --output"):
        make_run_folder(tmp_path / "reports", STARTED)


@contextmanager
def disk_space(most_bytes: int) -> Iterator[None]:
    """Let no file grow beyond this size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_old_document_survives_a_write_to_a_full_disk(tmp_path: Path) -> None:
    document = tmp_path / DOCUMENT
    save(RUN, document)
    with pytest.raises(StoreError, match=r"cannot be written .*; free some room"), disk_space(100):
        save(run_of(CLEAN), document)
    assert load(document) == RUN
    assert [path.name for path in tmp_path.iterdir()] == [DOCUMENT]


def test_the_old_document_survives_an_interrupted_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = tmp_path / DOCUMENT
    save(RUN, document)

    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(run_of(CLEAN), document)
    assert load(document) == RUN
    assert [path.name for path in tmp_path.iterdir()] == [DOCUMENT]


def test_the_permissions_of_a_document_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / DOCUMENT, b"{}")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / DOCUMENT).stat().st_mode) == 0o640


def test_a_device_is_written_to_instead_of_replaced() -> None:
    write_atomically(Path("/dev/null"), b"{}")
    assert Path("/dev/null").is_char_device()


def test_the_error_for_a_missing_folder_names_it(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        write_atomically(tmp_path / "nowhere" / DOCUMENT, b"{}")


def load_bytes(path: Path, data: bytes) -> Run:
    path.write_bytes(data)
    return load(path)


def as_json(**changes: Any) -> bytes:
    """Return a real document with some fields changed; `results__0__gate` is a field of a field."""
    document = json.loads(encode(RUN))
    for where, value in changes.items():
        *steps, last = where.split("__")
        inner = document
        for step in steps:
            inner = inner[int(step) if step.isdigit() else step]
        inner[last] = value
    return json.dumps(document).encode()


def test_an_unchanged_document_is_valid(tmp_path: Path) -> None:
    assert load_bytes(tmp_path / DOCUMENT, as_json()) == RUN


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not json",
        b"\xff\xfe\x00",
        b"null",
        b"[]",
        b"{}",
        b"[" * 200_000,
        b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b"\x80\x04\x95\x05\x00\x00\x00\x00\x00\x00\x00\x8c\x01a\x94.",  # a pickle
        b'{"schema":"\\ud800"}',
        as_json(results=None),
        as_json(results__0__verdict="splendid"),
        as_json(results__0__gate=1),
        as_json(results__0__peak_bytes="12"),
        as_json(results__0__peak_bytes=1.5),
        as_json(results__0__peak_bytes=True),
        as_json(results__0__peak_bytes=10**400),
        as_json(results__0__readings__calls=[1, "2"]),
        as_json(results__0__growth__low=None),
        as_json(results__0__growth__low=float("nan")),
        as_json(results__0__growth__low=float("inf")),
        as_json(results__0__growth_options={"rows": ["__import__('os').system('true')"]}),
        as_json(environment__packages=["Django"]),
        as_json(schema=1),
    ],
    ids=lambda data: data[:20].decode(errors="replace"),
)
def test_an_invalid_document_is_refused_in_one_short_line(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(StoreError, match="is not a run document") as caught:
        load_bytes(tmp_path / DOCUMENT, data)
    assert len(str(caught.value)) < 400


def test_the_error_for_another_schema_names_both_schemas(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"has the schema 'leakcheck\.run/3'; this leakcheck reads leakcheck\.run/2"):
        load_bytes(tmp_path / DOCUMENT, as_json(schema="leakcheck.run/3"))


def test_a_field_of_a_later_version_is_ignored(tmp_path: Path) -> None:
    assert load_bytes(tmp_path / DOCUMENT, as_json(results__0__added_later=[1])) == RUN


def test_a_document_larger_than_any_we_write_is_refused(tmp_path: Path) -> None:
    huge = tmp_path / DOCUMENT
    with huge.open("wb") as file:
        file.truncate(256 * 1024**2 + 1)  # a sparse file: it takes no space
    with pytest.raises(StoreError, match="is larger than any run we write"):
        load(huge)


@pytest.mark.parametrize("name", ["nowhere.json", "folder"])
def test_the_error_for_a_missing_document_names_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match=f"{name}.*: cannot be read"):
        load(tmp_path / name)


NOTHING_NESTED = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
ANY_JSON = st.recursive(NOTHING_NESTED, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)


@settings(max_examples=60)
@given(
    field=st.sampled_from(["results", "environment", "command", "started", "finished", "duration_seconds"]),
    value=ANY_JSON,
)
def test_any_document_is_either_a_run_or_a_store_error(
    tmp_path_factory: pytest.TempPathFactory, field: str, value: object
) -> None:
    path = tmp_path_factory.getbasetemp() / "stranger.json"
    try:
        assert isinstance(load_bytes(path, as_json(**{field: value})), Run)
    except StoreError:
        pass


def test_the_published_schema_is_valid_and_real_documents_conform_to_it() -> None:
    schema = run_schema()
    assert schema["title"] == SCHEMA
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for run in (RUN, run_of(), run_of(CLEAN, environment=None, finished=False)):
        validator.validate(json.loads(encode(run)))


def test_the_published_schema_refuses_invalid_documents() -> None:
    validator = jsonschema.Draft202012Validator(run_schema())
    assert not validator.is_valid({})
    assert not validator.is_valid(json.loads(as_json(results__0__verdict="splendid")))
    assert not validator.is_valid(json.loads(as_json(results__0__growth__calls="many")))


def test_the_document_names_every_exceeded_budget() -> None:
    [result] = json.loads(encode(run_of(replace(LEAK, over_budget=("growth", "peak")))))["results"]
    assert result["verdict"] == "leak"
    assert result["over_budget"] == ["growth", "peak"]
    assert {"bytes_per_1000_calls", "low", "high", "meter", "calls"} <= result["growth"].keys()
    assert result["latency_seconds"].keys() >= {"p50", "p95", "samples", "spread"}


@pytest.mark.parametrize("name", ["../secret.bin", "captures/../../secret.bin", "captures", "nothing.bin", "link.bin"])
def test_a_document_cannot_name_a_file_outside_of_its_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "run"
    (folder / "captures").mkdir(parents=True)
    (tmp_path / "secret.bin").touch()
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "captures" / "own.bin").touch()
    with pytest.raises(StoreError, match="is not there"):
        file_in_folder(folder, name)
    assert file_in_folder(folder, "captures/own.bin") == (folder / "captures" / "own.bin").resolve()


def test_the_newest_run_is_the_one_that_started_last(tmp_path: Path) -> None:
    with pytest.raises(NothingMeasured, match="there is no run in it"):
        newest_run(tmp_path / "reports")
    started = "2026-11-24T10-12-07"
    for name in (f"{started}-10", f"{started}-2", started, "2025-12-24T10-12-07", "sample"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").touch()
    (tmp_path / "2027-01-01T00-00-00").mkdir()  # interrupted before anything was saved
    assert newest_run(tmp_path).name == "2026-11-24T10-12-07-10"
