"""A run as JUnit XML, for Jenkins, GitLab and other viewers: a scenario that does not pass has failed."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from xml.etree import ElementTree

from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.run import Environment, Run
from leakcheck.model.verdict import Gate
from leakcheck.reporters.escape import escape_arguments, escape_ci_commands
from leakcheck.reporters.locations import source_of
from leakcheck.reporters.messages.answers import status_counts
from leakcheck.reporters.messages.result import ResultFact, lines_of, result_statements
from leakcheck.reporters.messages.run import RunFact, run_phrases, run_sentences

LEFT_OUT: Mapping[Enum, str] = {
    ResultFact.PEAK_SKIPPED: "said once for the run",
    ResultFact.MISSING_METER: "said once for the run",
    RunFact.OUTCOME: "attributes count the tests, failures and errors",
    RunFact.ENVIRONMENT: "each suite has it as properties",
    RunFact.DURATION: "an attribute has it",
}
"""What is not said here, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Case:
    name: str
    suite: str
    outcome: str = ""
    """failure, error or skipped; "" for one that passed."""
    kind: str = ""
    message: str = ""
    lines: tuple[str, ...] = ()
    duration_seconds: float = 0.0
    figures: tuple[tuple[str, str], ...] = ()


@escape_arguments
def junit(run: Run, *, hostname: str, allow_inconclusive: bool = False) -> Iterator[tuple[str, bytes]]:
    """Yield one document with a suite for each scenario file.

    It is valid under Jenkins' junit-10.xsd, where a case has no properties: so the figures of a case
    are properties of its suite, under its name. An unfinished run contains an error that says so. What is said of the
    run is the output of the first suite.
    """
    cases = [_case(result, allow_inconclusive) for result in run.results]
    if not run.finished:
        [message] = run_phrases(run, RunFact.UNFINISHED)
        cases.append(_Case(name="run", suite="leakcheck", outcome="error", kind="interrupted", message=message))
    elif not cases:
        [message] = run_phrases(run, RunFact.OUTCOME)
        cases.append(_Case(name="run", suite="leakcheck", outcome="error", kind="nothing", message=message))
    root = ElementTree.Element("testsuites", {"name": "leakcheck", **_counts(cases, skipped=False)})
    for suite in dict.fromkeys(case.suite for case in cases):
        root.append(_suite(suite, [case for case in cases if case.suite == suite], run, hostname))
    if remarks := [*run_phrases(run, RunFact.BASELINE), *run_sentences(run)]:
        ElementTree.SubElement(root[0], "system-out").text = "\n".join(remarks)
    ElementTree.indent(root)
    document = ElementTree.tostring(root, encoding="unicode")
    # inert: the document may be printed to a log, where a runner reads every line
    yield "junit.xml", f'<?xml version="1.0" encoding="utf-8"?>\n{escape_ci_commands(document, "&#{};")}\n'.encode()


def _case(result: Result, allow_inconclusive: bool) -> _Case:
    outcome = {Gate.WITHIN: "", Gate.OVER: "failure", Gate.INCONCLUSIVE: "failure", Gate.ERROR: "error"}[result.gate]
    kinds = {Gate.OVER: ", ".join(result.over_budget), Gate.INCONCLUSIVE: "inconclusive"}
    kind = kinds.get(result.gate, result.failure.kind if result.failure is not None else "")
    statements = result_statements(result, LEFT_OUT)
    return _Case(
        name=escape_control(result.id),
        suite=_dotted(source_of(result.target)),
        outcome="skipped" if result.gate is Gate.INCONCLUSIVE and allow_inconclusive else outcome,
        kind=escape_control(kind),
        message=statements[0].sentence if outcome else "",
        lines=tuple(lines_of(statements)),
        duration_seconds=result.duration_seconds,
        figures=tuple(_figures(result)),
    )


def _dotted(file: str) -> str:
    """Return a file as the class name that Jenkins groups by (`scenarios.newsletter.scenario`)."""
    return escape_control(re.sub(r"[/\\]+", ".", file.removesuffix(".py")).strip(".")) or "leakcheck"


def _suite(name: str, cases: list[_Case], run: Run, hostname: str) -> ElementTree.Element:
    times = {"timestamp": escape_control(run.started), "hostname": escape_control(hostname)}
    suite = ElementTree.Element("testsuite", {"name": name, **_counts(cases), **times})
    properties = ElementTree.SubElement(suite, "properties")
    of_run = [*_environment(run.environment), ("finished", str(run.finished).lower())]
    for key, value in [*of_run, *(figure for case in cases for figure in case.figures)]:
        ElementTree.SubElement(properties, "property", name=escape_control(key), value=escape_control(value))
    for case in cases:
        suite.append(_testcase(case))
    return suite


def _testcase(case: _Case) -> ElementTree.Element:
    element = ElementTree.Element("testcase", classname=case.suite, name=case.name, time=f"{case.duration_seconds:.3f}")
    if case.outcome:
        outcome = ElementTree.SubElement(element, case.outcome, type=case.kind, message=case.message)
        outcome.text = "\n".join(case.lines)
    elif case.lines:
        ElementTree.SubElement(element, "system-out").text = "\n".join(case.lines)
    return element


def _counts(cases: Iterable[_Case], *, skipped: bool = True) -> dict[str, str]:
    outcomes = [case.outcome for case in cases]
    counts = {
        "tests": str(len(outcomes)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
        "time": f"{sum(case.duration_seconds for case in cases):.3f}",
    }
    return {**counts, "skipped": str(outcomes.count("skipped"))} if skipped else counts


def _environment(environment: Environment | None) -> Iterator[tuple[str, str]]:
    if environment is not None:
        for name in ("implementation", "python", "platform", "allocator", "libc", "leakcheck"):
            yield name, getattr(environment, name)
        if environment.git_commit is not None:
            yield "git_commit", environment.git_commit


def _figures(result: Result) -> Iterator[tuple[str, str]]:
    """Yield a result's figures in bytes, without those that were not measured or have no limit."""
    growth, budget = result.growth, result.budget
    figures: list[tuple[str, object]] = [
        ("verdict", result.verdict),
        ("gate", result.gate),
        ("growth_budget_bytes_per_1000_calls", budget.growth_bytes_per_1000_calls),
        ("peak_budget_bytes", budget.peak_bytes),
        ("peak_bytes", result.peak_bytes),
        ("answered", status_counts(result) or None),
    ]
    if growth is not None:
        figures += [
            ("growth_bytes_per_1000_calls", growth.bytes_per_1000_calls),
            ("growth_low_bytes_per_1000_calls", growth.low),
            ("growth_high_bytes_per_1000_calls", growth.high),
        ]
    for name, value in figures:
        if value is not None:
            yield f"{result.id} {name}", f"{value:.0f}" if isinstance(value, float) else str(value)
