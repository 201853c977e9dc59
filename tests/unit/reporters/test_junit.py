"""JUnit XML: valid under the schema that Jenkins uses, read back by another library, whatever stands in it."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
import xmlschema
from hypothesis import given
from junitparser import Error, Failure, JUnitXml, Skipped, TestSuite

from leakcheck.model.plain_text import escape_control
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate
from leakcheck.reporters.junit import junit
from tests.unit.ci_runner import obeyed
from tests.unit.hostile import run_with, text_of_others
from tests.unit.reported import FORGIVEN, RUNS
from tests.unit.runs import BROKEN, CLEAN, LEAK, UNSURE, run_of

SCHEMA = xmlschema.XMLSchema(Path(__file__).parents[1] / "schemas" / "junit-10.xsd")


def written(run: Run, *, allow_inconclusive: bool = False) -> str:
    [(name, data)] = junit(run, hostname="runner-1", allow_inconclusive=allow_inconclusive)
    assert name == "junit.xml"
    return data.decode()


def suites(run: Run, *, allow_inconclusive: bool = False) -> list[TestSuite]:
    return list(JUnitXml.fromstring(written(run, allow_inconclusive=allow_inconclusive).encode()))


@pytest.mark.parametrize("name", RUNS)
def test_a_document_is_valid(name: str) -> None:
    SCHEMA.validate(written(RUNS[name]))


def test_the_schema_refuses_what_is_not_valid() -> None:
    broken = written(RUNS["all_within"]).replace("<testcase ", "<testcase unheard='of' ")
    assert not SCHEMA.is_valid(broken)


def test_each_gate_has_its_outcome() -> None:
    run = run_of(CLEAN, LEAK, UNSURE, BROKEN, FORGIVEN)
    cases = {case.name: case for suite in suites(run) for case in suite}
    kinds = {name: [(type(outcome), outcome.type) for outcome in case.result] for name, case in cases.items()}
    assert kinds == {
        "newsletter[iterator]": [],
        "newsletter[retained]": [(Failure, "growth, peak")],
        "warming": [(Failure, "inconclusive")],
        "parser": [(Error, "raised")],
        "newsletter[accepted]": [],
    }
    assert cases["newsletter[retained]"].classname == "scenarios.newsletter.scenario"
    [failure] = cases["newsletter[retained]"].result
    assert failure.message.startswith("newsletter[retained]: memory grows by 144 MiB per 1000 calls, over the budget")
    assert "one call peaks at 93.4 MiB" in failure.text
    [error] = cases["parser"].result
    assert error.message == "parser: raised on call 700: ValueError: no row 700"
    assert 'File "parser.py", line 3' in error.text
    assert "is known and does not fail: ticket 12" in (cases["newsletter[accepted]"].system_out or "")


def test_an_inconclusive_result_is_skipped_where_that_is_allowed() -> None:
    [suite] = suites(run_of(UNSURE), allow_inconclusive=True)
    [case] = suite
    assert [type(outcome) for outcome in case.result] == [Skipped]
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (1, 0, 0, 1)


def test_an_error_remains_one_where_inconclusive_is_allowed() -> None:
    [suite] = suites(run_of(BROKEN), allow_inconclusive=True)
    assert (suite.errors, suite.skipped) == (1, 0)


def test_a_suite_counts_its_cases_and_says_when_and_where() -> None:
    results = (replace(CLEAN, duration_seconds=1.25), replace(LEAK, duration_seconds=2.5), BROKEN)
    first, second = suites(run_of(*results))
    assert (first.tests, first.failures, first.errors, first.time) == (2, 1, 0, 3.75)
    assert (second.tests, second.failures, second.errors) == (1, 0, 1)
    assert (first.timestamp, first.hostname) == ("2026-11-24T10:12:07+00:00", "runner-1")
    root = ElementTree.fromstring(written(run_of(*results)))
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "1")


def test_a_suite_has_the_figures_of_its_cases() -> None:
    properties = ElementTree.fromstring(written(run_of(LEAK))).iter("property")
    figures = {str(element.get("name")): str(element.get("value")) for element in properties}
    assert figures["python"] == "3.11.7"
    assert {name.removeprefix("newsletter[retained] "): value for name, value in figures.items() if "[" in name} == {
        "verdict": "leak",
        "gate": "over",
        "growth_budget_bytes_per_1000_calls": "65536",
        "peak_budget_bytes": "10485760",
        "growth_bytes_per_1000_calls": "150994944",
        "growth_low_bytes_per_1000_calls": "150890086",
        "growth_high_bytes_per_1000_calls": "151099802",
        "peak_bytes": "97936998",
    }


@pytest.mark.parametrize(
    ("run", "kind"),
    [(run_of(CLEAN, finished=False), "interrupted"), (run_of(finished=False), "interrupted"), (run_of(), "nothing")],
)
def test_an_unfinished_or_empty_run_has_an_error(run: Run, kind: str) -> None:
    last = suites(run)[-1]
    [case] = last
    assert [(type(outcome), outcome.type) for outcome in case.result] == [(Error, kind)]
    assert last.errors == 1


def test_an_absolute_target_and_a_module_have_a_dotted_class_name() -> None:
    targets = {"/srv/app/bench.py::f": "srv.app.bench", "shop.cart:checkout": "shop.cart", "": "leakcheck"}
    for target, name in targets.items():
        [suite] = suites(run_of(replace(CLEAN, target=target)))
        assert suite.name == name


@given(text_of_others)
def test_foreign_text_is_read_back_as_it_is_shown(text: str) -> None:
    run = run_with(text)
    document = written(run)
    SCHEMA.validate(document)
    root = ElementTree.fromstring(document)
    names = [case.get("name") for case in root.iter("testcase")]
    assert sorted(map(str, names)) == sorted(escape_control(result.id) for result in run.results)
    [error] = root.iter("error")
    assert error.get("type") == "raised"
    assert escape_control(text) in str(error.text)
    assert obeyed(document) == []


@given(text_of_others)
def test_a_name_is_one_name_to_another_library_too(text: str) -> None:
    [suite] = suites(run_of(replace(CLEAN, scenario=f"x{text}", variant=None, gate=Gate.WITHIN)))
    assert [case.name for case in suite] == [f"x{escape_control(text)}"]
