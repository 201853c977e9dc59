"""Files from outside: only regular files are read, up to a size, and never through a link."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leakcheck.compare.environments import lock_of
from leakcheck.config.settings import resolve
from leakcheck.config.sources import SettingsLayer, find_pyproject, read_pyproject
from leakcheck.model.baseline import SCHEMA, Baseline
from leakcheck.model.errors import ConfigError, LeakcheckError, StoreError
from leakcheck.runner.collect import scenario_files
from leakcheck.storage import baseline_file, run_file
from leakcheck.storage.captures import open_capture
from leakcheck.storage.document import replace_file
from leakcheck.storage.durations import read_durations
from leakcheck.storage.history import find_documents
from tests.unit.runs import CLEAN, run_of

SECRET = '{"token": "hunter2"}'


def make_link(path: Path) -> None:
    (path.parent / "elsewhere").write_text(SECRET)
    path.symlink_to(path.parent / "elsewhere")


def make_link_to_nowhere(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere")


def make_loop(path: Path) -> None:
    path.symlink_to(path)


def make_endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


def make_sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(5 * 1024**3)  # a sparse file: it takes no space


def make_folder(path: Path) -> None:
    path.mkdir()


SPECIAL_FILES: tuple[Callable[[Path], None], ...] = (
    *(make_link, make_link_to_nowhere, make_loop, make_endless),
    *(make_pipe, make_socket, make_sparse, make_folder),
)
READERS: dict[str, Callable[[Path], object]] = {
    "run": run_file.load,
    "baseline": baseline_file.load_baseline,
    "durations": read_durations,
    "settings": read_pyproject,
    "capture": lambda path: open_capture(path.parent, path.name),
}


@pytest.mark.parametrize("make", SPECIAL_FILES, ids=lambda make: make.__name__)
@pytest.mark.parametrize("name", READERS)
def test_anything_but_a_regular_file_is_refused_without_quoting_its_content(
    tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "document.json"
    make(path)
    with pytest.raises(LeakcheckError, match=r"document\.json") as caught:
        READERS[name](path)
    assert "hunter2" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("name", [name for name in READERS if name != "capture"])
def test_the_error_for_a_link_names_the_remedy(tmp_path: Path, name: str) -> None:
    make_endless(tmp_path / "document.json")
    with pytest.raises(LeakcheckError, match=r"it is a link, which is not followed; put the file itself there"):
        READERS[name](tmp_path / "document.json")


def test_a_file_of_the_kernel_is_read_completely_although_its_size_is_0(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is not a run document"):
        run_file.load(Path("/proc/self/status"))


def test_a_run_in_a_linked_folder_can_be_loaded_and_is_found_once(tmp_path: Path) -> None:
    folder = tmp_path / "reports" / "2026-11-24T10-12-07"
    folder.mkdir(parents=True)
    run_file.save(run_of(CLEAN), folder / run_file.DOCUMENT)
    (tmp_path / "reports" / "latest").symlink_to(folder)
    (tmp_path / "reports" / "2027-11-24T10-12-07").symlink_to(folder)
    assert run_file.load(tmp_path / "reports" / "latest").results == (CLEAN,)
    assert run_file.newest_run(tmp_path / "reports") == folder
    assert find_documents(tmp_path / "reports") == [folder / run_file.DOCUMENT]


@pytest.mark.parametrize("make", [make_link, make_endless, make_pipe], ids=lambda make: make.__name__)
def test_a_baseline_is_not_written_through_a_link_or_into_a_pipe(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "baseline.json")
    with pytest.raises(StoreError, match="cannot be read"):
        baseline_file.save_baseline(Baseline(schema=SCHEMA), tmp_path / "baseline.json")
    assert not (tmp_path / "elsewhere").exists() or (tmp_path / "elsewhere").read_text() == SECRET


@pytest.mark.parametrize("make", [make_link, make_endless, make_pipe], ids=lambda make: make.__name__)
def test_replace_file_replaces_a_link_instead_of_following_it(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "report.html")
    replace_file(tmp_path / "report.html", b"ours")
    assert (tmp_path / "report.html").read_bytes() == b"ours"
    assert not (tmp_path / "report.html").is_symlink()
    assert not (tmp_path / "elsewhere").exists() or (tmp_path / "elsewhere").read_text() == SECRET


@pytest.mark.parametrize("make", [make_endless, make_pipe, make_link_to_nowhere], ids=lambda make: make.__name__)
def test_settings_that_are_no_regular_file_are_not_skipped(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """Otherwise the project's budgets would be silently ignored, and those of a parent folder used."""
    make(tmp_path / "pyproject.toml")
    assert find_pyproject(tmp_path) == tmp_path / "pyproject.toml"
    with pytest.raises(ConfigError, match=r"pyproject\.toml: cannot be read \(it is a"):
        resolve(SettingsLayer(), environment={}, folder=tmp_path)


def test_pipes_and_devices_in_a_folder_of_scenarios_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("from leakcheck import scenario\n@scenario\ndef own(): pass\n")
    make_pipe(tmp_path / "pipe.py")
    make_endless(tmp_path / "zero.py")
    make_sparse(tmp_path / "sparse.py")
    assert scenario_files(tmp_path) == [tmp_path / "own.py"]


def test_a_lock_file_that_is_a_device_is_not_read_endlessly(tmp_path: Path) -> None:
    (tmp_path / "requirements").mkdir()
    make_endless(tmp_path / "requirements" / "base.txt")
    with pytest.raises(StoreError, match="it is a device"):
        lock_of(tmp_path)


def document_with(**changes: Any) -> bytes:
    return json.dumps({**json.loads(run_file.encode(run_of(CLEAN))), **changes}).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"x": ' * 100_000,
        b'{"schema": "leakcheck.run/1", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"duration_seconds": 1' + b"0" * 5000 + b"}",
        b'{"duration_seconds": NaN}',
        b'{"duration_seconds": Infinity}',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b"\x00" * 1000,
        document_with(schema="leakcheck.run/3"),
        document_with(schema="x" * 100_000),
        document_with(schema=None),
        document_with(duration_seconds=1e308),
        document_with(started="2026-13-45T99:99:99"),
        document_with(started="-1"),
    ],
    ids=lambda data: repr(data[:24]),
)
@pytest.mark.parametrize("name", ["run", "baseline", "durations"])
def test_an_invalid_document_is_refused_in_a_short_sentence(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / "document.json").write_bytes(data)
    with pytest.raises(StoreError) as caught:
        READERS[name](tmp_path / "document.json")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("baseline", '{"schema": "leakcheck.baseline/1", "environments": {"here": {%s, %s}}}'),
        ("durations", '{"schema": "leakcheck.durations/1", "seconds": {%s, %s}}'),
    ],
)
def test_a_repeated_key_in_a_reviewed_file_is_refused(tmp_path: Path, name: str, text: str) -> None:
    """The last one counts in JSON, and a reviewer may look at the first."""
    value = '{"verdict": "clean"}' if name == "baseline" else "1.0"
    for key, repeated in (("a", "a"), ("a", "\\u0061"), ("a\\u0000", "a\\\\x00")):
        (tmp_path / "document.json").write_text(text % (f'"{key}": {value}', f'"{repeated}": {value}'))
        with pytest.raises(StoreError, match="stands in it twice"):
            READERS[name](tmp_path / "document.json")
