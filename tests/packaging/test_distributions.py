"""What a release holds, and what an index would show of it."""

import re
import sys
from pathlib import Path

import pytest

from leakcheck import __version__
from tests.packaging.built import PROJECT, Built, build, ran, read_wheel

pytest.importorskip("build")
pytest.importorskip("hatchling")
pytest.importorskip("hatch_fancy_pypi_readme")

NOT_FOR_THE_DEMO = {"matrix.py", "probe.py", "story.py"}


def files_below(folder: Path) -> set[str]:
    """Return the files of the checkout, from its top."""
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(PROJECT).as_posix() for path in found}


def demo_files() -> set[str]:
    newsletter = files_below(PROJECT / "scenarios" / "newsletter")
    return {"scenarios/__init__.py", *(name for name in newsletter if Path(name).name not in NOT_FOR_THE_DEMO)}


def test_the_wheel_is_the_package_and_what_the_demo_needs(built: Built) -> None:
    held = {name for name in built.wheel_files() if ".dist-info/" not in name}
    demo = {f"leakcheck/_demo/{name}" for name in demo_files()}
    assert held == files_below(PROJECT / "leakcheck") | demo
    # whatever a package without them could not do
    kinds = {Path(name).suffix for name in held}
    assert {".py", ".html", ".css", ".js", ".typed"} <= kinds
    assert not [name for name in held if re.search(r"(^|/)(tests|gallery|benchmarks|reports)/", name)]


def test_the_sdist_has_what_a_build_needs_and_what_a_reader_looks_for(built: Built) -> None:
    names = built.sdist_names()
    assert {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "PKG-INFO"} <= names
    assert files_below(PROJECT / "leakcheck") | demo_files() <= names
    assert {name.partition("/")[0] for name in names if "/" in name} == {"leakcheck", "scenarios"}


def test_the_sdist_builds_the_wheel_that_the_checkout_builds(built: Built, tmp_path: Path) -> None:
    build(tmp_path, "--wheel")
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name == built.wheel.name
    assert read_wheel(wheel) == built.wheel_files()


def test_an_index_would_take_both(built: Built, tmp_path: Path) -> None:
    pytest.importorskip("twine")
    said = ran([sys.executable, "-m", "twine", "check", "--strict", built.wheel, built.sdist], tmp_path)
    assert said.count("PASSED") == 2


def test_the_page_on_an_index_links_to_nothing_that_is_not_there(built: Built) -> None:
    shown = str(built.metadata().get_payload())
    assert "leakcheck finds memory leaks in Python and Django code" in shown
    linked = re.findall(r"\]\(([^)]*)\)", shown)
    assert [target for target in linked if not target.startswith(("https://", "#"))] == []


def test_the_metadata_is_complete(built: Built) -> None:
    told = built.metadata()
    assert (told["Name"], told["Version"]) == ("pytest-leakcheck", __version__)
    assert (told["License-Expression"], told["Requires-Python"]) == ("MIT", ">=3.11")
    assert told["Description-Content-Type"] == "text/markdown"
    assert {"django", "databases", "limit", "plots", "pytest", "dev"} <= set(told.get_all("Provides-Extra") or ())
    classifiers = told.get_all("Classifier") or []
    assert len(classifiers) == len(set(classifiers))
    assert {"Framework :: Pytest", "Framework :: Django", "Typing :: Typed"} <= set(classifiers)
    assert "memory leak" in told["Keywords"]
