"""Attach measurements to test reports, and summarize them at the end of the session."""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from leakcheck.pytest_plugin.judge_client import JudgeClient, JudgeFailed
from leakcheck.pytest_plugin.measurement import ANSWERS, cannot_be_replayed, is_unreached

_HEADINGS = ("test", "verdict", "growth / 1000 calls", "peak / call", "gate")


def attach_to_report(report: pytest.TestReport, item: pytest.Item, *, whole: bool) -> None:
    """Attach a test's measurements to its report, as plain JSON, which xdist can send.

    With `whole` they include the results, which only the run document needs.
    """
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
    """Collects the measurements of the reports, in the process that has the terminal."""

    def __init__(self, judge_client: JudgeClient) -> None:
        self._judge_client = judge_client
        self._tests = 0
        self._measured: list[dict[str, Any]] = []
        self._began = datetime.now().astimezone()
        self._clock = time.monotonic()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the measurements of one test."""
        answers = getattr(report, "leakcheck", [])
        self._tests += bool(answers)
        self._measured += answers

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        """Print how many tests were measured and how many failed, and a table of those that are not fine."""
        if not self._measured:
            return
        shown = [answer for answer in self._measured if config.get_verbosity() > 0 or not answer["fine"]]
        terminalreporter.write_sep("=", f"leakcheck: {', '.join(_counts(self._tests, self._measured))}")
        for line in _table([tuple(answer["row"]) for answer in shown]):
            terminalreporter.write_line(line)
        for answer in shown:
            if answer["unreached"] or (answer["only_once"] and answer["fails"]):
                terminalreporter.write_line(answer["sentences"][0])
        if self._judge_client.options.json is not None:
            self._save(terminalreporter, config)

    def _save(self, terminalreporter: Any, config: pytest.Config) -> None:
        from leakcheck.worker.environment import environment

        assert self._judge_client.options.json is not None
        path = config.invocation_params.dir / self._judge_client.options.json
        about = {
            "started": self._began.isoformat(timespec="seconds"),
            "command": ["pytest", *map(str, config.invocation_params.args)],
            "environment": environment(),
            "finished": not terminalreporter.stats.get("interrupted"),
            "duration_seconds": time.monotonic() - self._clock,
        }
        try:
            self._judge_client.save(path, [answer["result"] for answer in self._measured], about)
        except JudgeFailed as error:
            terminalreporter.write_line(str(error), red=True)
        else:
            terminalreporter.write_line(f"leakcheck: wrote {self._judge_client.options.json}")


def _counts(tests: int, measured: Sequence[dict[str, Any]]) -> list[str]:
    only_once, unreached = (sum(answer[name] for answer in measured) for name in ("only_once", "unreached"))
    gates = Counter(answer["gate"] for answer in measured)
    errors = gates["error"] - only_once - unreached
    counts = {
        "failed": gates["over"],
        "inconclusive": gates["inconclusive"],
        "cannot be replayed": only_once,
        "not replayable here": unreached,
        "error" if errors == 1 else "errors": errors,
    }
    measured_tests = f"{tests} {'test' if tests == 1 else 'tests'} measured"
    return [measured_tests, *(f"{count} {outcome}" for outcome, count in counts.items() if count)]


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    table = [_HEADINGS, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEADINGS))]
    return [
        "  ".join(
            cell.rjust(width) if column in (2, 3) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]
