"""The programs behind `make story` and `make demo-databases`, small."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios.newsletter.databases import PROJECT

for needed in ("django", "aiosmtpd", "gunicorn"):
    pytest.importorskip(needed)


def ran(module: str, cache: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", f"scenarios.newsletter.{module}", *arguments],
        cwd=PROJECT,
        env={**os.environ, "NEWSLETTER_CACHE": str(cache), "NO_COLOR": "1", "COLUMNS": "160"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_story_ends_with_the_incidents_four_rows_and_a_sentence_each(tmp_path: Path) -> None:
    printed = ran("story", tmp_path, "--rows=500", "--requests=5", "--memory=256MiB")
    assert printed.startswith("5 sends in each way to 500 subscribers, 2 at a time, under 256 MiB (RLIMIT_DATA")
    for name, told in (
        ("error rate", "15 % → 1 %"),
        ("median latency", "2500 ms → 300 ms"),
        ("worker's memory", "512 MB → 100 MB"),
        ("crashes a day", "5 → 0"),
    ):
        assert f"│ {name}" in printed
        assert told in printed
        assert f"\n{name}: " in printed
    # with room for all, nothing fails: the figures are this run's and not the story's
    assert printed.count("0.0% │") == 4


@pytest.mark.slow
def test_the_matrix_says_what_is_left_out_and_measures_the_rest(tmp_path: Path) -> None:
    printed = ran(
        "matrix", tmp_path, "--rows=2000", "--calls=20", "--databases", "sqlite", "postgresql://127.0.0.1:1/shop"
    )
    assert "postgresql://127.0.0.1:1/shop is left out: database=" in printed
    assert "only the database leakcheck_newsletter is ever touched" in " ".join(printed.split())
    assert "One send to 2,000 subscribers" in printed
    assert "sqlite: iterator() peaks at" in printed
