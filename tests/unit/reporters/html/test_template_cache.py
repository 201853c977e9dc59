"""Compiled templates are kept beside Python's own compiled code, and are never missed where they cannot be."""

import sys
from importlib.metadata import version
from pathlib import Path

import jinja2
import pytest
from jinja2 import Environment, FileSystemLoader

from leakcheck.reporters.html.template_cache import bytecode_cache


def rendered(folder: Path) -> str:
    environment = Environment(loader=FileSystemLoader(folder), bytecode_cache=bytecode_cache(folder), autoescape=True)
    return environment.get_template("page.html").render(name="<Ada>")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    (tmp_path / "page.html").write_text("Dear {{ name }}")
    return tmp_path


def test_a_template_is_compiled_once_and_again_after_a_change(folder: Path) -> None:
    assert rendered(folder) == "Dear &lt;Ada&gt;"
    [file] = (folder / "__pycache__").iterdir()
    written_at = file.stat().st_mtime_ns
    assert rendered(folder) == "Dear &lt;Ada&gt;"
    assert file.stat().st_mtime_ns == written_at
    (folder / "page.html").write_text("Hello {{ name }}")
    assert rendered(folder) == "Hello &lt;Ada&gt;"


def test_a_page_is_rendered_where_the_cache_cannot_be_written(folder: Path) -> None:
    (folder / "__pycache__").write_text("in the way")
    assert rendered(folder) == "Dear &lt;Ada&gt;"


def test_there_is_no_cache_where_python_writes_no_bytecode(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert bytecode_cache(folder) is None


@pytest.mark.parametrize("folders", [["Jinja2-2.0.dist-info"], [], ["jinja2-2.0.dist-info", "jinja2-3.0.dist-info"]])
def test_jinjas_version_is_in_the_file_name_whatever_folders_are_next_to_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folders: list[str]
) -> None:
    monkeypatch.setattr(jinja2, "__file__", str(tmp_path / "jinja2" / "__init__.py"))
    for name in folders:
        (tmp_path / name).mkdir()
    rendered(folder)
    [file] = (folder / "__pycache__").iterdir()
    assert file.name.endswith(f"-jinja-{'2.0' if len(folders) == 1 else version('jinja2')}.cache")
