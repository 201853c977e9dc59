"""A repository in which one commit leaks, some do not even import, and the first has no scenario."""

from collections.abc import Callable
from pathlib import Path

CULPRIT = "the culprit"
LAST = "last"

_SCENARIOS = """
from leakcheck import scenario
import shop

@scenario
def buy():
    shop.buy()
"""
_CLEAN = "def buy():\n    return [1]\n"
_BROKEN = "def buy(:\n"
_LEAKS = "SOLD = []\n\ndef buy():\n    SOLD.append(bytes(967))\n"

_COMMITS = (
    ("before scenarios", _CLEAN),
    ("good", _CLEAN),
    ("broken", _BROKEN),
    ("mended", f"{_CLEAN}# mended\n"),
    (CULPRIT, _LEAKS),
    ("broken again", _BROKEN),
    ("later", f"{_LEAKS}# later\n"),
    (LAST, f"{_LEAKS}# last\n"),
)


def make_history(folder: Path, git: Callable[..., object]) -> None:
    """Make the repository in an empty folder; `git` runs git there. The first commit has the tag v1.4.0."""
    git("init", "--quiet", "--initial-branch=main")
    for number, (message, source) in enumerate(_COMMITS):
        (folder / "shop.py").write_text(source)
        if number:
            (folder / "scenarios.py").write_text(_SCENARIOS)
        (folder / "number.txt").write_text(str(number))
        git("add", "--all")
        git("commit", "--quiet", "-m", message)
        if not number:
            git("tag", "v1.4.0")
