"""Requests of a site through the real command, in a copy of the site's project."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.live.command import Leakcheck, Ran

SITES = Path(__file__).parents[1] / "sites"


def copy_of(site: str, leakcheck: Leakcheck) -> None:
    """Put a site's project into the folder that the command is run in."""
    shutil.copytree(SITES / site, leakcheck.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))


def replay(leakcheck: Leakcheck, verb: str, *arguments: str, environment: Mapping[str, str] | None = None) -> Ran:
    """Run `leakcheck http …` or `leakcheck django …` to its end, without two passes unless they are named."""
    document = leakcheck.folder / "run-document.json"
    document.unlink(missing_ok=True)
    said = ("--no-peak", "--explain=never", f"--output={leakcheck.output}", f"--json={document}")
    return leakcheck.finish(leakcheck.start(verb, *said, *arguments, environment=environment))
