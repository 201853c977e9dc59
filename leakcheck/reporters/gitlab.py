"""A run as GitLab's code-quality report: an issue for each scenario that is not within budget."""

import json
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from leakcheck.model.plain_text import plain
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate
from leakcheck.reporters.escape import inert, plainly
from leakcheck.reporters.locations import Location, Workspace, locate, source_of
from leakcheck.reporters.messages.answers import answered_sentences
from leakcheck.reporters.messages.causes import fingerprint_to_list, notes
from leakcheck.reporters.messages.result import main_sentence, worst_first

_SEVERITIES = {
    Gate.ERROR: "blocker",
    Gate.OVER: "critical",
    Gate.INCONCLUSIVE: "minor",
    Gate.WITHIN: "info",
}


@plainly
def gitlab(run: Run, workspace: Workspace) -> Iterator[tuple[str, bytes]]:
    """Yield one document; known leaks are in it as information.

    GitLab compares the fingerprints of two branches: so they hold what leaks, and neither line numbers
    nor figures. Two issues of one fingerprint would be shown as one.
    """
    issues, seen = [], Counter[str]()
    for result in worst_first(run.results):
        if result.gate is Gate.WITHIN and not result.known:
            continue
        fingerprint = _fingerprint(result, workspace)
        seen[fingerprint] += 1
        if seen[fingerprint] > 1:
            fingerprint = _hashed(fingerprint, str(seen[fingerprint]))
        issues.append(_issue(result, fingerprint, locate(result, workspace)))
    text = inert(json.dumps(issues, indent=2, ensure_ascii=False), "\\u{:04x}")
    yield "gl-code-quality-report.json", f"{text}\n".encode()


def _issue(result: Result, fingerprint: str, location: Location | None) -> dict[str, Any]:
    location = location or Location(file=source_of(result.target).lstrip("/"))
    return {
        "description": " ".join(_description(result)),
        "check_name": f"leakcheck/{_check(result)}",
        "fingerprint": fingerprint,
        "severity": _SEVERITIES[result.gate],
        "location": {"path": plain(location.file), "lines": {"begin": location.line or 1}},
    }


def _description(result: Result) -> list[str]:
    told = [main_sentence(result)] if result.gate is not Gate.WITHIN else [*notes(result)]
    return [*told, *map(plain, answered_sentences(result))]


def _check(result: Result) -> str:
    if result.gate is Gate.OVER and result.failures:
        return plain(result.failures[0])
    return "known leak" if result.gate is Gate.WITHIN else result.gate.value


def _fingerprint(result: Result, workspace: Workspace) -> str:
    source = source_of(result.target)
    source = workspace.relative(source) or source  # another runner's checkout may lie elsewhere
    trouble = result.trouble.kind if result.trouble is not None else ""
    return _hashed(source, result.id, result.gate, *result.failures, trouble, fingerprint_to_list(result))


def _hashed(*parts: str) -> str:
    # a lone surrogate may stand in a path that is no UTF-8
    return sha256("\0".join(parts).encode("utf-8", "backslashreplace")).hexdigest()
