"""Growth and budgets, marker arguments, results as JSON, and the plugin's text, without running pytest."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from leakcheck.model.errors import UsageError
from leakcheck.model.explanation import Explanation, KnownLeak
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Growth, Meter, Result
from leakcheck.pytest_plugin.marker import MarkerArgs, parse_marker_args
from leakcheck.pytest_plugin.result_json import read_result
from leakcheck.reporters.pytest_text import (
    has_nothing_to_report,
    result_row,
    result_text,
    summary_lines,
    with_pytest_options,
)
from tests.unit.causes import SENT, SENT_PATH, SITE
from tests.unit.runs import BOUNDED, BROKEN, CLEAN, LEAK, NAIVE, UNSURE

EXPLAINED = replace(
    LEAK, explanation=Explanation(containers=(SENT,), retention_paths=(SENT_PATH,), allocation_sites=(SITE,))
)
FORGIVEN = replace(
    LEAK,
    known_leaks=(KnownLeak(entry="*SENT*", reason="ticket 12", bytes_per_1000_calls=1.0, share=1.0, expired=None),),
)


def a_growth(low: float, figure: float, high: float) -> Growth:
    return Growth(
        bytes_per_1000_calls=figure,
        low=low,
        high=high,
        meter=Meter.HEAP,
        heap_bytes_per_1000_calls=figure,
        rss_bytes_per_1000_calls=0.0,
        blocks_per_1000_calls=0.0,
        calls=1000,
    )


# --- a growth and a budget ------------------------------------------------------------------------


def test_growth_is_within_a_budget_only_if_its_upper_bound_is() -> None:
    growth = a_growth(900, 1000, 1024)
    assert growth <= "1 KiB / 1000 calls"
    assert not growth < "1 KiB / 1000 calls"
    assert growth < 1024.1
    assert not growth <= 1023


def test_growth_is_above_a_budget_only_if_its_lower_bound_is() -> None:
    growth = a_growth(1024, 1100, 1200)
    assert growth >= "1 KiB / 1000 calls"
    assert not growth > "1 KiB / 1000 calls"
    assert growth > 1023
    assert growth > "1 B / call"


def test_growth_is_neither_within_nor_above_a_budget_between_its_bounds() -> None:
    growth = a_growth(900, 1000, 1100)
    assert not growth <= 1000
    assert not growth >= 1000
    assert float(growth) == 1000.0


def test_a_budget_without_a_unit_is_refused() -> None:
    with pytest.raises(UsageError, match="is not a size"):
        _ = a_growth(0, 0, 0) <= "64"


# --- markers --------------------------------------------------------------------------------------


def test_marker_arguments_are_parsed_into_numbers() -> None:
    assert parse_marker_args(growth="64 KiB / 1000 calls", peak="20 MiB", calls=50, time=2) == MarkerArgs(
        growth_bytes_per_1000_calls=64 * 1024, peak_bytes=20 * 1024**2, calls=50, time=2.0
    )
    assert parse_marker_args() == parse_marker_args(growth=None) == MarkerArgs()


def test_the_nearer_marker_wins_for_the_arguments_that_it_has() -> None:
    near, far = parse_marker_args(calls=50), parse_marker_args(calls=100, time=3)
    assert near.overriding(far) == parse_marker_args(calls=50, time=3)


# --- results as JSON ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "result", [CLEAN, LEAK, NAIVE, BOUNDED, UNSURE, BROKEN, EXPLAINED, FORGIVEN], ids=lambda r: r.id
)
def test_a_result_is_the_same_after_a_round_trip_through_json(result: Result) -> None:
    assert read_result(json.loads(json.dumps(msgspec.to_builtins(result)))) == result


# --- text -----------------------------------------------------------------------------------------


def test_a_clean_result_has_no_sentences() -> None:
    assert has_nothing_to_report(CLEAN)
    assert list(summary_lines(CLEAN)) == []
    assert not has_nothing_to_report(FORGIVEN)
    assert not has_nothing_to_report(BOUNDED)


def test_the_text_has_the_row_the_sentence_and_the_causes_and_no_summary() -> None:
    text = result_text(EXPLAINED)
    assert result_row(EXPLAINED)[0] in text
    assert next(summary_lines(EXPLAINED)) in " ".join(text.split("\n"))
    assert "allocated at" in text
    assert "retained by" in text
    assert "passed" not in text.splitlines()[-1]
    assert "\x1b" not in text


def test_a_body_that_runs_only_once_is_reported_as_not_replayable() -> None:
    once = replace(BROKEN, failure=Failure(kind=FailureKind.RAISED, message="IntegrityError", call=2))
    assert any("cannot be replayed" in sentence for sentence in summary_lines(once))
    never = replace(BROKEN, failure=Failure(kind=FailureKind.RAISED, message="IntegrityError", call=1))
    assert not any("cannot be replayed" in sentence for sentence in summary_lines(never))


def test_remedies_name_the_options_of_pytest() -> None:
    assert (
        with_pytest_options("all calls are used up; raise --calls.")
        == "all calls are used up; raise --leakcheck-calls."
    )
    assert with_pytest_options("raise --time, or the budget") == "raise leakcheck_time, or the budget"
    assert with_pytest_options("raise --timeout, or") == "raise timeout in [tool.leakcheck], or"
    assert with_pytest_options("unrecognized arguments: --time") == "unrecognized arguments: --time"


# --- imports --------------------------------------------------------------------------------------


def test_importing_the_plugin_loads_only_the_standard_library_pytest_and_a_few_models() -> None:
    program = (
        "import sys, pytest, _pytest.unittest; before = set(sys.modules); import leakcheck.pytest_plugin.plugin;"
        "new = set(sys.modules) - before;"
        "print(*sorted(name for name in new if not name.startswith('leakcheck.pytest_plugin')))"
    )
    folder = Path(__file__).parents[3]
    completed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=folder)
    loaded = set(completed.stdout.split())
    ours = {name for name in loaded if name.startswith("leakcheck")}
    assert ours == {
        *("leakcheck", "leakcheck._version", "leakcheck.scenario", "leakcheck.model"),
        *("leakcheck.runner", "leakcheck.runner.child_process"),
        *(f"leakcheck.model.{name}" for name in ("errors", "plain_text", "protocol", "setup_stages", "units")),
    }
    assert {name.partition(".")[0] for name in loaded - ours} <= set(sys.stdlib_module_names)
