"""A run as GitLab's code-quality report: an issue for each scenario that does not pass."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from hashlib import sha256
from typing import Any

from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate
from leakcheck.reporters.escape import escape_arguments, escape_ci_commands
from leakcheck.reporters.locations import Location, Workspace, locate, source_of
from leakcheck.reporters.messages.causes import known_leak_fingerprint
from leakcheck.reporters.messages.result import ResultFact, ResultStatement, result_statements, worst_first
from leakcheck.reporters.messages.run import RunFact

_LONG = (ResultFact.PEAK_SITE, ResultFact.ALLOCATION, ResultFact.RETENTION, ResultFact.COVERAGE, ResultFact.DETAILS)
_ASIDE = (
    ResultFact.ADVICE,
    ResultFact.NOTE,
    ResultFact.STABLE_CHILDREN,
    ResultFact.PEAK_SKIPPED,
    ResultFact.MISSING_METER,
)
LEFT_OUT: Mapping[Enum, str] = {
    **dict.fromkeys((*_LONG, *_ASIDE), "an issue is shown in one line, at the line that allocates"),
    ResultFact.FINGERPRINT: "GitLab compares fingerprints of its own",
    **dict.fromkeys(RunFact, "an issue belongs to a file, and there is none for the run"),
}
"""What is not said here, and why."""

_SEVERITIES = {Gate.ERROR: "blocker", Gate.OVER: "critical", Gate.INCONCLUSIVE: "minor", Gate.WITHIN: "info"}


@escape_arguments
def gitlab(run: Run, workspace: Workspace) -> Iterator[tuple[str, bytes]]:
    """Yield one document, in which known leaks are of severity info.

    GitLab compares the fingerprints of two branches, so they depend on what leaks, and neither on line
    numbers nor on figures. It would show two issues with the same fingerprint as one.
    """
    issues, counts = [], Counter[str]()
    for result in worst_first(run.results):
        if result.gate is Gate.WITHIN and not result.known_leaks:
            continue
        fingerprint = _fingerprint(result, workspace)
        counts[fingerprint] += 1
        if counts[fingerprint] > 1:
            fingerprint = _hash(fingerprint, str(counts[fingerprint]))
        issues.append(_issue(result, fingerprint, locate(result, workspace)))
    text = escape_ci_commands(json.dumps(issues, indent=2, ensure_ascii=False), "\\u{:04x}")
    yield "gl-code-quality-report.json", f"{text}\n".encode()


def _issue(result: Result, fingerprint: str, location: Location | None) -> dict[str, Any]:
    location = location or Location(file=source_of(result.target).lstrip("/"))
    return {
        "description": _description(result_statements(result, LEFT_OUT)),
        "check_name": f"leakcheck/{_check_name(result)}",
        "fingerprint": fingerprint,
        "severity": _SEVERITIES[result.gate],
        "location": {"path": escape_control(location.file), "lines": {"begin": location.line or 1}},
    }


def _description(statements: Sequence[ResultStatement]) -> str:
    sentences = [statements[0].sentence, *(part.capitalized for part in statements[1:])]
    return " ".join(sentence if sentence.endswith(".") else f"{sentence}." for sentence in sentences)


def _check_name(result: Result) -> str:
    if result.gate is Gate.OVER and result.over_budget:
        return escape_control(result.over_budget[0])
    return "known leak" if result.gate is Gate.WITHIN else result.gate.value


def _fingerprint(result: Result, workspace: Workspace) -> str:
    source = source_of(result.target)
    source = workspace.relative(source) or source  # runners check out to different folders
    failure = result.failure.kind if result.failure is not None else ""
    return _hash(source, result.id, result.gate, *result.over_budget, failure, known_leak_fingerprint(result))


def _hash(*parts: str) -> str:
    # a path that is not UTF-8 has lone surrogates
    return sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()
