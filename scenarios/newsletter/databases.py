"""Where the seeded databases lie. The standard library alone: it is read before Django is set up."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
"""The folder that `scenarios` lies in."""

SEED_VERSION = 1
"""Raise it with every change to the table or to the seeded texts, or old files are taken for new ones."""


def cache_folder() -> Path:
    """Return `.leakcheck/newsletter` in the project, or what NEWSLETTER_CACHE names, seen from the project."""
    return PROJECT / (os.environ.get("NEWSLETTER_CACHE") or ".leakcheck/newsletter")


def database_path(rows: int) -> Path:
    """Return the file that holds `rows` seeded subscribers; a file that is there is complete."""
    return cache_folder() / f"subscribers-{rows}-v{SEED_VERSION}.sqlite3"
