"""A gate that cannot fail is worse than none: the newsletter's is tried on the mistakes it is there for."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.command import bare_environment

PROJECT = Path(__file__).resolve().parents[2]
ITERATOR = "for subscriber in Subscriber.objects.all().iterator())"
MISTAKES = {
    "the iterator is undone": (ITERATOR, "for subscriber in Subscriber.objects.all())"),
    "the view keeps its querysets": (
        f"    return deliver((subscriber.email, subscriber.first_name) {ITERATOR}",
        "    SENT.append(Subscriber.objects.filter(pk__lte=200))\n    len(SENT[-1])\n"
        f"    return deliver((subscriber.email, subscriber.first_name) {ITERATOR}",
    ),
}


def run_gate(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--leakcheck-explain", "never", "tests/gate"]
    environment = {**bare_environment(), "NEWSLETTER_CACHE": str(PROJECT / ".leakcheck" / "newsletter")}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files that the gate needs, in a folder of their own."""
    shutil.copytree(PROJECT / "scenarios", tmp_path / "scenarios", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(PROJECT / name, tmp_path / name)
    gate = tmp_path / "tests" / "gate"
    gate.mkdir(parents=True)
    shutil.copy(PROJECT / "tests" / "gate" / "test_newsletter.py", gate)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_newsletters_gate_fails_when(project: Path, mistake: str) -> None:
    views = project / "scenarios" / "newsletter" / "views.py"
    text, (old, new) = views.read_text(), MISTAKES[mistake]
    assert old in text
    views.write_text(text.replace(old, new))
    ran = run_gate(project)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "over the budget" in ran.stdout or "the budget is" in ran.stdout
