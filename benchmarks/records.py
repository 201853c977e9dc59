"""The document that `beside.py` writes: machine, versions, rules, truths, and a row for each question."""

import argparse
import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from arms import Arm
from environments import versions
from outcomes import Row, as_json
from peers import with_leakcheck
from peers.registry import LEAKCHECK, PEERS

from leakcheck._version import __version__

SCHEMA = 1
"""1: tools, arms, rows, functions."""


def machine() -> dict[str, Any]:
    """Return what a reader has to know of where it was measured, and nothing that names the place."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "libc": " ".join(platform.libc_ver()),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def tools(names: Sequence[str], lent: Path) -> list[dict[str, str]]:
    """Return each tool's version, settings, rule and source."""
    python = f"Python {platform.python_version()}"
    installed = versions(lent)
    about = {
        LEAKCHECK: {
            "version": __version__,
            "settings": with_leakcheck.SETTINGS,
            "rule": with_leakcheck.RULE,
            "source": "",
        }
    }
    for peer in PEERS:
        version = f"{peer.packages[0]} {installed.get(peer.packages[0], '?')}" if peer.packages else python
        about[peer.name] = {"version": version, "settings": peer.settings, "rule": peer.rule, "source": peer.source}
    return [{"name": name, **about[name]} for name in names]


@dataclass(slots=True, kw_only=True)
class Record:
    """What has been measured so far."""

    head: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    functions: list[Row] = field(default_factory=list)

    @classmethod
    def begun(
        cls, *, tools_named: Sequence[str], lent: Path, arms: Sequence[Arm], options: argparse.Namespace
    ) -> "Record":
        """Return an empty record of a run that begins now."""
        head = {
            "schema": SCHEMA,
            "started": _now(),
            "machine": machine(),
            "repetitions": options.repetitions,
            "jobs": options.jobs,
            "timeout_seconds": options.timeout,
            "tools": tools(tools_named, lent),
            "arms": [{"arm": f"{arm.case}-{arm.name}", "truth": arm.truth, "resource": arm.resource} for arm in arms],
        }
        return cls(head=head)

    def add(self, *, rows: Iterable[Row] = (), functions: Iterable[Row] = ()) -> None:
        """Add what was just measured."""
        self.rows += rows
        self.functions += functions

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON has it, arms in the order in which they were chosen."""
        order = {arm["arm"]: place for place, arm in enumerate(self.head["arms"])}
        rows = sorted(self.rows, key=lambda row: order[row.arm])
        return {**self.head, "finished": _now(), "rows": as_json(rows), "functions": as_json(self.functions)}

    def save(self, path: Path | None) -> None:
        """Write it, so that what is there is always whole."""
        if path is None:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".part")
        beside.write_text(json.dumps(self.document(), indent=1) + "\n", encoding="utf-8")
        beside.replace(path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
