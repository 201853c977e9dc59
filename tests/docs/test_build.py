"""The guide builds without a warning and asks nobody for anything."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
LONGEST_SECONDS = 300

_LOADED = re.compile(r"<(?:script|img|link|iframe|source)\b[^>]*?\b(?:src|href)=\"(?P<url>[^\"]+)\"")
_IN_STYLES = re.compile(r"(?:url\(|@import)\s*[\"']?(?P<url>(?:https?:)?//[^)\"']+)")


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built guide, which `make docs` makes by the same command."""
    folder = tmp_path_factory.mktemp("guide")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "--nitpicky", "--fail-on-warning", "--keep-going", "--quiet"),
            *("-d", str(folder / "doctrees"), str(PROJECT / "docs"), str(folder / "html")),
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "html"


def pages(guide: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(guide.rglob("*.html")):
        yield path.relative_to(guide).as_posix(), path.read_text("utf-8")


def test_every_page_of_the_guide_is_built(guide: Path) -> None:
    written = {
        path.relative_to(PROJECT / "docs").with_suffix("").as_posix() for path in (PROJECT / "docs").rglob("*.md")
    }
    assert written <= {name.removesuffix(".html") for name, _ in pages(guide)}


def test_no_page_loads_anything_from_elsewhere(guide: Path) -> None:
    loaded = [(name, found["url"]) for name, text in pages(guide) for found in _LOADED.finditer(text)]
    assert loaded
    assert [one for one in loaded if re.match(r"(https?:)?//", one[1])] == []
    styles = [path for path in guide.rglob("*.css") if _IN_STYLES.search(path.read_text("utf-8"))]
    assert styles == []


def test_the_search_finds_what_pages_say(guide: Path) -> None:
    index = (guide / "searchindex.js").read_text("utf-8")
    assert "bounded" in index
    assert "leakcheck_growth" in index


def test_the_reference_is_filled_in(guide: Path) -> None:
    text = dict(pages(guide))
    assert "--allow-inconclusive" in text["reference/commands.html"]
    assert "LEAKCHECK_TIME" in text["reference/settings.html"]
    assert "settled_after_calls" in text["reference/document.html"]
    assert "leakcheck.limited" in text["reference/api.html"]
    assert "--leakcheck-isolate" in text["reference/api.html"]
    assert "nothing was measured" in text["reference/exit-codes.html"]
