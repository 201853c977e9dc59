"""Compiled templates are kept beside Python's own compiled code, and are never missed where they cannot be."""

import sys
from importlib.metadata import version
from pathlib import Path

import jinja2
import pytest
from jinja2 import Environment, FileSystemLoader

from leakcheck.reporters.html.template_cache import compiled_templates


def rendered(folder: Path) -> str:
    environment = Environment(
        loader=FileSystemLoader(folder), bytecode_cache=compiled_templates(folder), autoescape=True
    )
    return environment.get_template("page.html").render(name="<Ada>")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    (tmp_path / "page.html").write_text("Dear {{ name }}")
    return tmp_path


def test_a_template_is_compiled_once_and_again_when_it_was_changed(folder: Path) -> None:
    assert rendered(folder) == "Dear &lt;Ada&gt;"
    [kept] = (folder / "__pycache__").iterdir()
    written = kept.stat().st_mtime_ns
    assert rendered(folder) == "Dear &lt;Ada&gt;"
    assert kept.stat().st_mtime_ns == written
    (folder / "page.html").write_text("Hello {{ name }}")
    assert rendered(folder) == "Hello &lt;Ada&gt;"


def test_where_nothing_can_be_kept_pages_are_made_all_the_same(folder: Path) -> None:
    (folder / "__pycache__").write_text("in the way")
    assert rendered(folder) == "Dear &lt;Ada&gt;"


def test_who_keeps_no_compiled_code_keeps_no_templates(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert compiled_templates(folder) is None


@pytest.mark.parametrize("beside", [["Jinja2-2.0.dist-info"], [], ["jinja2-2.0.dist-info", "jinja2-3.0.dist-info"]])
def test_jinjas_version_is_in_the_name_whatever_lies_beside_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beside: list[str]
) -> None:
    monkeypatch.setattr(jinja2, "__file__", str(tmp_path / "jinja2" / "__init__.py"))
    for name in beside:
        (tmp_path / name).mkdir()
    rendered(folder)
    [kept] = (folder / "__pycache__").iterdir()
    assert kept.name.endswith(f"-jinja-{'2.0' if len(beside) == 1 else version('jinja2')}.cache")
