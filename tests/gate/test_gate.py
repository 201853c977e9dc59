"""A small site of its own is gated end to end: green, red when a commit leaks, green when that is known.

As a user sees it: with the command and a committed baseline, and with the mark on a test.
"""

import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

import pytest

from leakcheck.model.verdict import Gate, Verdict
from tests.live.command import Leakcheck, Ran, bare_environment

SITE = Path(__file__).resolve().parents[1] / "sites" / "bookshop"
LEAKING = (
    '    books = Book.objects.order_by("title")\n',
    '    books = Book.objects.order_by("title")\n    SEEN.append(books)\n',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A copy of the site in a repository of its own."""

    leakcheck: Leakcheck

    @property
    def folder(self) -> Path:
        return self.leakcheck.folder

    def git(self, *arguments: str) -> None:
        author = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
        subprocess.run(["git", *author, *arguments], cwd=self.folder, check=True, capture_output=True)

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def leak(self) -> None:
        """Commit a change that a reviewer could miss."""
        views = self.folder / "bookshop" / "views.py"
        text = views.read_text().replace(*LEAKING).replace("\n\ndef shelf", "\nSEEN: list[object] = []\n\n\ndef shelf")
        views.write_text(text)
        self.commit("count the visits")

    def know(self, fingerprint: str) -> None:
        """Commit an entry of the list of known leaks."""
        project = self.folder / "pyproject.toml"
        entry = f'\n[[tool.leakcheck.known]]\nfingerprint = "{fingerprint}"\nreason = "ticket 12"\n'
        project.write_text(project.read_text() + entry)
        self.commit("it is known")

    def check(self, *arguments: str) -> Ran:
        return self.leakcheck.finish(
            self.leakcheck.start("check", "scenarios.py", "--json", "run-document.json", *arguments)
        )

    def update(self, *arguments: str) -> Ran:
        return self.leakcheck.finish(self.leakcheck.start("baseline", "update", "scenarios.py", *arguments))

    def test(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=bare_environment(), capture_output=True, text=True, timeout=300, check=False
        )


@pytest.fixture
def site(leakcheck: Leakcheck) -> Site:
    shutil.copytree(SITE, leakcheck.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    (leakcheck.folder / ".gitignore").write_text(
        "reports/\n__pycache__/\n.leakcheck/\nrun-document.json\n*.xml\n*.md\n"
    )
    found = Site(leakcheck=leakcheck)
    found.git("init", "--quiet")
    found.commit("a bookshop")
    return found


def fingerprint_in(output: str) -> str:
    """Return the fingerprint that was printed, as a user copies it."""
    found = re.search(r"fingerprint\s+([0-9a-f]{8,})", output)
    assert found is not None, output
    return found[1]


def test_a_leak_cannot_be_merged_until_it_is_known(site: Site) -> None:
    # GIVEN a site whose figures were accepted
    assert site.check().code == 4  # not before
    accepted = site.update("--reason", "as it was")
    assert accepted.code == 0, accepted.output + accepted.errors
    site.commit("a baseline")
    assert site.check().code == 0
    # WHEN a commit leaks
    site.leak()
    red = site.check("--junit", "junit.xml", "--markdown", "summary.md")
    # THEN the build fails, and names the line, the holder and the rate, everywhere
    assert red.code == 1, red.output + red.errors
    [result] = red.document.results
    assert result.verdict is Verdict.LEAK
    assert result.gate is Gate.OVER
    assert result.explanation.containers[0].name == "bookshop.views.SEEN"
    assert "bookshop/views.py" in red.output
    assert "retained by" in red.output
    assert "bookshop.views.SEEN" in red.output
    [failure] = ElementTree.parse(site.folder / "junit.xml").iter("failure")
    assert "bookshop.views.SEEN" in (failure.text or "")
    assert "bookshop.views.SEEN" in (site.folder / "summary.md").read_text()
    # AND an entry among the known leaks makes it green again, and says so
    site.know(fingerprint_in(red.output))
    green = site.check()
    assert green.code == 0, green.output
    assert "ticket 12" in green.output


@pytest.mark.slow
def test_a_leak_fails_the_marked_test_until_it_is_known(site: Site) -> None:
    pytest.importorskip("pytest_django")
    green = site.test()
    assert green.returncode == 0, green.stdout
    site.leak()
    red = site.test()
    assert red.returncode == 1, red.stdout
    assert "bookshop.views.SEEN" in red.stdout
    assert "bookshop/views.py" in red.stdout
    site.know(fingerprint_in(red.stdout))
    known = site.test()
    assert known.returncode == 0, known.stdout
