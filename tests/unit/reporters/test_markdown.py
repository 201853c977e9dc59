"""The summary for a pull request: a table as GitHub renders it, the worst first, and nothing of others' obeyed."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given

from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.reporters.escape import escape_ci_commands
from leakcheck.reporters.markdown import MOST_BYTES_OF_A_COMMENT, block, code_span, escape_html, markdown
from tests.unit.ci_runner import obeyed
from tests.unit.hostile import run_with, text_of_others
from tests.unit.rendered import rendered
from tests.unit.reported import EXPLAINED, FORGIVEN, RUNS
from tests.unit.runs import BOUNDED, BROKEN, CLEAN, LEAK, NAIVE, UNSURE, run_of

TABLE = {"table", "thead", "tbody", "tr", "th", "td", "br"}
OURS = TABLE | {"h2", "p", "code", "pre", "strong", "details", "summary"}


def written(run: Run, *, most_bytes: int = MOST_BYTES_OF_A_COMMENT) -> str:
    return "".join(data.decode() for _, data in markdown(run, most_bytes=most_bytes))


def shown(text: str) -> str:
    """Return the plain form as far as a name is shown."""
    whole = escape_control(text)
    return whole if len(whole) <= 200 else f"{whole[:199]}…"


def test_a_run_is_a_table_with_the_worst_on_top() -> None:
    page = rendered(written(run_of(CLEAN, UNSURE, NAIVE, LEAK, BROKEN, BOUNDED)))
    assert page.rows == [
        ["scenario", "verdict", "growth / 1000 calls", "budget", "peak / call", "p50", "gate"],
        ["parser", "-", "-", "64.0 KiB / 1000 calls, peak 10.0 MiB", "-", "-", "error"],
        [
            "newsletter[retained]",
            "leak",
            "144 MiB ± 102 KiB",
            "64.0 KiB / 1000 calls, peak 10.0 MiB",
            "93.4 MiB",
            "1.9 s",
            "FAIL growth, peak",
        ],
        [
            "newsletter[naive]",
            "clean",
            "0 B ± 96 B",
            "64.0 KiB / 1000 calls, peak 10.0 MiB",
            "93.1 MiB",
            "1.9 s",
            "FAIL peak",
        ],
        ["warming", "inconclusive", "48.8 KiB ± 68.4 KiB", "4.00 KiB / 1000 calls", "-", "340 µs", "inconclusive"],
        [
            "newsletter[iterator]",
            "clean",
            "0 B ± 96 B",
            "64.0 KiB / 1000 calls, peak 10.0 MiB",
            "4.70 MiB",
            "1.2 s",
            "pass",
        ],
        [
            "newsletter[debug_queries]",
            "bounded",
            "605 KiB ± 2.93 KiB",
            "64.0 KiB / 1000 calls, peak 10.0 MiB",
            "-",
            "-",
            "pass",
        ],
    ]


def test_what_does_not_pass_is_explained_and_the_worst_is_open() -> None:
    page = rendered(written(run_of(CLEAN, EXPLAINED, BROKEN)))
    assert page.tags.count("details") == 2
    assert page.attributes.count("open") == 1
    blocks = [text for text in page.in_code if "\n" in text]
    assert 'File "parser.py", line 3' in blocks[0]
    assert "allocated at  scenarios/newsletter/views.py:41" in blocks[1]
    assert "retained by   scenarios.newsletter.views.SENT" in blocks[1]


def test_a_comparison_has_a_column_of_its_own() -> None:
    page = rendered(written(RUNS["compared"]))
    assert [row[-1] for row in page.rows] == [
        "against the baseline",
        "growth 0 B → 144 MiB, worse",
        "growth 0 B → 1.00 KiBpeak 20.0 MiB → 4.70 MiB, better",
        "NEW",
    ]
    assert "against the baseline" not in written(run_of(CLEAN))


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (run_of(CLEAN), "1 passed"),
        (run_of(LEAK), "1 failed"),
        (run_of(CLEAN, BOUNDED), "2 passed"),
        (run_of(LEAK, NAIVE), "2 failed"),
        (run_of(CLEAN, LEAK, BROKEN), "1 failed, 1 error, 1 passed"),
        (run_of(CLEAN, UNSURE), "1 inconclusive, 1 passed"),
        (run_of(), "nothing was measured"),
        (run_of(CLEAN, finished=False), "1 passed, not finished: scenarios may be missing"),
    ],
)
def test_the_headline_is_the_outcome_in_words(run: Run, words: str) -> None:
    assert written(run).startswith(f"## leakcheck: {words}\n")


def test_a_known_leak_is_named_at_the_gate() -> None:
    assert [row[-1] for row in rendered(written(run_of(FORGIVEN))).rows] == ["gate", "pass (known leak)"]


def many(count: int) -> Sequence[Result]:
    return [replace(EXPLAINED, variant=f"v{number}") for number in range(count)]


@pytest.mark.parametrize("most_bytes", [MOST_BYTES_OF_A_COMMENT, 20_000, 2000, 1300])
def test_a_long_document_is_truncated_between_scenarios_with_a_note(most_bytes: int) -> None:
    document = written(run_of(*many(400)), most_bytes=most_bytes)
    assert len(document.encode()) <= most_bytes
    page = rendered(document)
    assert page.tags.count("details") == document.count("</details>")
    in_table, explained = len(page.rows) - 1, page.tags.count("details")
    assert (
        f"No more fits here: the table shows {in_table} of 400 scenarios, and {explained} of the 400 that do not "
        "pass are explained." in page.prose
    )
    assert page.rows[-1][-1] == "FAIL growth, peak"


def test_a_document_that_fits_is_complete() -> None:
    document = written(run_of(*many(3)))
    assert written(run_of(*many(3)), most_bytes=len(document.encode()) + 400) == document
    assert "No more fits" not in document


def test_without_room_for_the_headline_there_is_no_document() -> None:
    assert list(markdown(run_of(*many(3)), most_bytes=500)) == []
    assert list(markdown(run_of(*many(3)), most_bytes=-1)) == []


# --- text that others wrote -----------------------------------------------------------------------


@given(text_of_others)
def test_a_name_in_a_cell_is_shown_as_it_is(text: str) -> None:
    run = run_of(replace(LEAK, scenario=text, variant=None, over_budget=(text,)))
    page = rendered(written(run))
    assert len(page.rows) == 2
    assert len(page.rows[1]) == 7
    assert page.rows[1][0] == shown(text)
    assert page.rows[1][6].startswith("FAIL")
    if ", " not in text:
        assert page.rows[1][6] == f"FAIL {shown(text).rstrip()}".rstrip()
    assert set(page.tags) <= OURS


@given(text_of_others)
def test_foreign_text_is_only_in_code(text: str) -> None:
    def prose_of(run: Run) -> str:
        # the budgets' names are the one thing that stands beside code
        return rendered(written(replace(run, results=tuple(map(tame, run.results))))).prose

    def tame(result: Result) -> Result:
        return replace(
            result, over_budget=tuple(failure for failure in result.over_budget if failure in ("growth", "peak"))
        )

    page = rendered(written(run_with(text)))
    assert set(page.tags) <= OURS
    assert {*page.attributes} <= {"open", "style"}
    assert prose_of(run_with(text)) == prose_of(run_with("x"))


@given(text_of_others)
def test_a_runner_finds_no_command_in_the_document(text: str) -> None:
    assert obeyed(written(run_with(text))) == []


@given(text_of_others)
def test_a_code_span_shows_the_escaped_text(text: str) -> None:
    page = rendered(f"before {code_span(text)} after")
    assert page.in_code == [shown(text)]
    assert page.prose.strip() == "before  after"


@given(text_of_others)
def test_a_block_shows_its_lines(text: str) -> None:
    page = rendered(f"\n{block(['first', escape_control(text), '', escape_control(text)])}\nafter")
    assert page.in_code == [f"first\n{escape_control(text)}\n\n{escape_control(text)}"]
    assert page.tags == ["pre", "p"]


@given(text_of_others)
def test_text_in_html_is_text(text: str) -> None:
    page = rendered(f"<details>\n<summary>{escape_html(escape_control(text))}</summary>\n\nafter\n</details>")
    assert page.tags == ["details", "summary", "p"]


def test_ordinary_names_are_readable_in_the_source_too() -> None:
    assert code_span("newsletter[naive]") == "`newsletter[naive]`"
    assert code_span("shop.cart:Cart.__init__") == "`shop.cart:Cart.__init__`"
    assert code_span("a|b") == "<code>a&#124;b</code>"
    assert code_span("a`b") == "<code>a&#96;b</code>"
    assert code_span("") == "<code></code>"
    assert code_span("x" * 300) == f"`{'x' * 199}…`"


def test_the_examples_would_be_obeyed_without_escaping() -> None:
    """The tests above can fail: the renderer and the runner do obey these."""
    assert rendered("| a |\n| - |\n| x|y |").rows[1] == ["x"]
    assert "a" in rendered("https://example.org").tags
    assert "b" in rendered("<b>x</b>").tags
    assert [command.name for command in obeyed("  ::error::x\nfoo ##[group]y\n::nope::z")] == ["error", "group"]
    assert escape_ci_commands("::error::x") == "\\x3a:error::x"
