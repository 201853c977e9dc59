"""What is told of all measurements at the end, and what a test's report carries there."""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from leakcheck.pytest_plugin.judge_client import JudgeClient, JudgeFailed
from leakcheck.pytest_plugin.measurement import ANSWERS, cannot_be_replayed, is_unreached

_HEADINGS = ("test", "verdict", "growth / 1000 calls", "peak / call", "gate")


def attach_to_report(report: pytest.TestReport, item: pytest.Item, *, whole: bool) -> None:
    """Put a test's measurements on its report, as plain JSON, so that it can travel; whole for the document alone."""
    answers = item.stash.get(ANSWERS, [])
    if not answers:
        return
    carried = [
        {
            "row": list(answer["row"]),
            "fine": answer["fine"],
            "fails": answer["fails"],
            "gate": answer["result"]["gate"],
            "only_once": cannot_be_replayed(answer),
            "unreached": is_unreached(answer),
            "sentences": answer["sentences"],
            **({"result": answer["result"]} if whole else {}),
        }
        for answer in answers
    ]
    report.leakcheck = carried  # type: ignore[attr-defined]
    text = "\n\n".join(answer["text"] for answer in answers if not answer["fine"])
    if text:
        report.sections.append(("leakcheck", text))


class TerminalSummary:
    """Collects what the reports carry, in the process that has the terminal."""

    def __init__(self, desk: JudgeClient) -> None:
        self._desk = desk
        self._tests = 0
        self._measured: list[dict[str, Any]] = []
        self._began = datetime.now().astimezone()
        self._clock = time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in the measurements of one test."""
        found = getattr(report, "leakcheck", [])
        self._tests += bool(found)
        self._measured += found

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        """Say how many were measured and how many are not within budget, and show the rows of these."""
        if not self._measured:
            return
        shown = [one for one in self._measured if config.get_verbosity() > 0 or not one["fine"]]
        terminalreporter.write_sep("=", f"leakcheck: {', '.join(_counts(self._tests, self._measured))}")
        for line in _table([tuple(one["row"]) for one in shown]):
            terminalreporter.write_line(line)
        for one in shown:
            if one["unreached"] or (one["only_once"] and one["fails"]):
                terminalreporter.write_line(one["sentences"][0])
        if self._desk.options.json is not None:
            self._save(terminalreporter, config)

    def _save(self, terminalreporter: Any, config: pytest.Config) -> None:
        from leakcheck.worker.environment import environment

        assert self._desk.options.json is not None
        path = config.invocation_params.dir / self._desk.options.json
        about = {
            "started": self._began.isoformat(timespec="seconds"),
            "command": ["pytest", *map(str, config.invocation_params.args)],
            "environment": environment(),
            "finished": not terminalreporter.stats.get("interrupted"),
            "duration_seconds": time.monotonic() - self._clock,
        }
        try:
            self._desk.save(path, [one["result"] for one in self._measured], about)
        except JudgeFailed as error:
            terminalreporter.write_line(str(error), red=True)
        else:
            terminalreporter.write_line(f"leakcheck: wrote {self._desk.options.json}")


def _counts(tests: int, measured: Sequence[dict[str, Any]]) -> list[str]:
    only_once, unreached = (sum(one[name] for one in measured) for name in ("only_once", "unreached"))
    found = {
        "over budget": sum(one["gate"] == "over" for one in measured),
        "inconclusive": sum(one["gate"] == "inconclusive" for one in measured),
        "cannot be replayed": only_once,
        "not replayable here": unreached,
        "failed": sum(one["gate"] == "error" for one in measured) - only_once - unreached,
    }
    words = [f"{tests} {'test' if tests == 1 else 'tests'} measured"]
    return words + [f"{count} {what}" for what, count in found.items() if count]


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    whole = [_HEADINGS, *rows]
    widths = [max(len(row[at]) for row in whole) for at in range(len(_HEADINGS))]
    return [
        "  ".join(
            cell.rjust(width) if at in (2, 3) else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in whole
    ]
