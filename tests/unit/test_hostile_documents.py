"""Whatever a document holds: nothing of it is obeyed by whoever reads a report, and none ends in a traceback."""

import importlib
import inspect
import json
import pkgutil
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import leakcheck.reporters
from leakcheck.analysis.explain.fingerprint import fingerprint_of
from leakcheck.doctor.model import DoctorReport
from leakcheck.model.baseline import Baseline
from leakcheck.model.document_text import FREE, Fingerprint, TextFormat, escape_text_fields, replace_invalid_texts
from leakcheck.model.errors import StoreError
from leakcheck.model.run import Run
from leakcheck.runner.task import file_name
from leakcheck.storage import baseline_file, run_file
from tests.unit.all_reporters import PICTURES, REPORTERS, Facts, obeyed_letters, refuse_broken
from tests.unit.broken import mutated
from tests.unit.ci_runner import obeyed
from tests.unit.filled import (
    FITTING,
    baseline_of_all,
    comparison_of_all,
    filled,
    fitting,
    record_of_all,
    run_of_all,
    texts_in,
)
from tests.unit.hostile import EVERYTHING, text_of_others
from tests.unit.pages import page_of
from tests.unit.rendered import rendered
from tests.unit.runs import CLEAN, run_of
from tests.unit.worked_with import worked_with

NUMBERS = (0, 1, -1, 3, 2**53, -(2**63), 2**64 - 1)


def facts_of(text: Callable[[TextFormat], str], number: float = 3, *, many: int = 1) -> Facts:
    return Facts(
        run=run_of_all(text, number, many=many),
        baseline=baseline_of_all(text, number),
        comparison=comparison_of_all(text, number),
        record=record_of_all(text, number),
        examination=filled(DoctorReport, text, number),
    )


def anywhere(text: str) -> Callable[[TextFormat], str]:
    """Return what gives a text for every field, whatever that should be: as a process that lies may answer."""
    return lambda format: text


def check(name: str, facts: Facts) -> None:
    document = {**REPORTERS, **PICTURES}[name](facts)
    assert obeyed_letters(document) == []
    if name != "github.annotations":  # whose lines are commands, and of which the next test looks at each
        refuse_broken(name, document)


# --- what is printed ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*REPORTERS, *PICTURES])
def test_a_reporter_prints_nothing_that_is_obeyed(name: str) -> None:
    for text in (EVERYTHING, ""):
        check(name, facts_of(anywhere(text)))


@settings(max_examples=50, deadline=None)
@given(name=st.sampled_from([*REPORTERS]), text=text_of_others, number=st.sampled_from(NUMBERS))
def test_no_text_and_no_number_breaks_a_reporter(name: str, text: str, number: int) -> None:
    check(name, facts_of(anywhere(text), number, many=2))


@pytest.mark.parametrize("name", [*REPORTERS, *PICTURES])
def test_no_list_has_to_hold_anything(name: str) -> None:
    check(name, facts_of(fitting("x"), many=0))
    check(name, facts_of(fitting("x"), number=0, many=2))


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("number", [2**63])
def test_no_number_breaks_a_picture(name: str, number: int) -> None:
    check(name, facts_of(anywhere("$x$ \\frac {"), number))


def test_no_annotation_obeys_anything_but_us() -> None:
    kinds = {
        command.name for command in obeyed(REPORTERS["github.annotations"](facts_of(anywhere(EVERYTHING))).decode())
    }
    assert kinds <= {"error", "warning", "notice"}


@pytest.mark.parametrize("name", ["export.run_csv.run_csv", "comparison.csv_table"])
@pytest.mark.parametrize("formula", ["=1+1", "+1", "-1", "@x", "  =1", "\xa0=1", "＝1", "＠x"])
def test_no_cell_of_a_table_is_a_formula(name: str, formula: str) -> None:
    import csv
    import io

    document = REPORTERS[name](facts_of(anywhere(formula))).decode()
    cells = [cell for row in csv.reader(io.StringIO(document)) for cell in row]
    assert any(cell.startswith("'") for cell in cells)
    begun = [cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＠"))]
    assert [cell for cell in begun if not _is_number(cell)] == []


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_a_page_consists_of_the_same_elements_whatever_its_texts_are() -> None:
    """GIVEN every field hostile THEN no element and no attribute is there that a harmless word would not make."""
    harmless, hostile = (page_of(run_of_all(anywhere(text))) for text in ("x", f"{EVERYTHING}<script>\"' onload=x"))
    assert hostile.skeleton == harmless.skeleton


@pytest.mark.parametrize("name", ["markdown.markdown", "comparison.markdown"])
def test_markdown_links_to_nothing_and_notifies_nobody(name: str) -> None:
    document = REPORTERS[name](facts_of(fitting(EVERYTHING))).decode()
    page = rendered(document)
    allowed = {"details", "summary", "code", "pre", "table", "thead", "tbody", "tr", "th", "td", "br"}
    assert {*page.tags} <= allowed | {"h2", "h3", "p", "strong", "ul", "li"}
    for word in ("octocat", "example.org", "#12", "GH-12", ":smile:"):
        assert word not in page.prose
    assert obeyed(document) == []


def test_a_command_that_is_to_be_pasted_holds_no_option_and_no_command_of_others() -> None:
    facts = facts_of(anywhere("--setup=os:abort"))
    assert "baseline update ./--setup=os:abort" in REPORTERS["terminal.render_run"](facts).decode().replace("\n", " ")
    facts = facts_of(anywhere("x; rm -rf $HOME `id`\n#"))
    assert "baseline update 'x; rm -rf $HOME `id`\\n#" in REPORTERS["markdown.markdown"](facts).decode()


def test_every_function_that_yields_a_document_is_among_these_and_makes_its_facts_plain() -> None:
    """A reporter that is added is to be decorated with `escape_arguments`, and to stand in the table of this test."""
    there, bare = set(), set()
    prefix = f"{leakcheck.reporters.__name__}."
    reporters = [info.name for info in pkgutil.walk_packages(leakcheck.reporters.__path__, prefix)]
    for reporter in (*reporters, "leakcheck.doctor.report"):
        module = importlib.import_module(reporter)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ != module.__name__ or name.startswith("_"):
                continue
            full = f"{reporter.removeprefix(prefix).removeprefix('leakcheck.')}.{name}"
            if hasattr(function, "__wrapped__"):
                there.add(full)
            elif any(one in str(inspect.signature(function).return_annotation) for one in ("bytes]", "Renderable")):
                bare.add(full)
    assert there == {*REPORTERS, *PICTURES}
    assert bare == {"plots.canvas.render"}  # which draws what the functions above give it


# --- what is read ---------------------------------------------------------------------------------

LOADED: dict[str, tuple[type, Callable[[Path], Any], Callable[[Callable[[TextFormat], str]], Any]]] = {
    "run": (Run, run_file.load, run_of_all),
    "baseline": (Baseline, baseline_file.load_baseline, baseline_of_all),
}


def replaced(document: Any, where: str, text: str) -> bytes:
    """Return a document as JSON with a text in one place."""
    made = json.loads(msgspec.json.encode(document))
    inner, (*steps, last) = made, where.split(".")
    for step in steps:
        inner = inner[int(step) if isinstance(inner, list) else step]
    inner[int(last) if isinstance(inner, list) else last] = text
    return json.dumps(made).encode()


@pytest.mark.parametrize("kind", LOADED)
def test_a_text_of_each_field_is_refused_or_plain_when_it_is_loaded(kind: str, tmp_path: Path) -> None:
    facts, load, make = LOADED[kind]
    whole = make(fitting("x"))
    places = {where: format for where, format in texts_in(whole, facts) if where != "schema"}
    assert len(places) > (50 if kind == "run" else 2)
    file = tmp_path / "document.json"
    hostile = "\x1b[2J\u202e\x9b=\n"
    for where, format in places.items():
        file.write_bytes(replaced(whole, where, hostile))
        if format.is_one is None:
            loaded = msgspec.json.encode(load(file)).decode()
            assert "\u202e" not in loaded, where
            assert "\x9b" not in loaded, where
            assert "\\u001b" not in loaded, where
        else:
            with pytest.raises(StoreError, match="and should be") as caught:
                load(file)
            assert escape_text_fields(str(caught.value)) == str(caught.value)
            assert where.rpartition(".")[2].rstrip("0123456789") in str(caught.value)
        file.write_bytes(replaced(whole, where, "x" * 70_000))
        with pytest.raises(StoreError, match="and should be") as caught:
            load(file)
        assert len(str(caught.value)) < 500


def test_what_is_saved_can_be_loaded_whatever_was_measured(tmp_path: Path) -> None:
    for text in (EVERYTHING, "\ud800", "", "x" * 20_000):
        run_file.save(run_of_all(anywhere(text)), tmp_path / "run.json")
        loaded = run_file.load(tmp_path / "run.json")
        assert len(loaded.results) == len(run_of_all(anywhere(text)).results)
        assert run_file.encode(loaded) == (tmp_path / "run.json").read_bytes()
        data = run_file.encode_comparison(comparison_of_all(anywhere(text)))
        assert obeyed_letters(data) == []


def test_a_text_of_each_format_fits_it_and_one_of_ours_does() -> None:
    assert get_args(Fingerprint)[1].fits(fingerprint_of(["a", "b"]))
    run = run_of_all(fitting("x"))
    assert escape_text_fields(run) is run
    assert replace_invalid_texts(run) is run
    assert all(not FREE.keeps_lines or text for text in FITTING.values())


@given(text_of_others | st.text("日é/\\", min_size=200, max_size=300))
def test_a_capture_has_a_name_that_a_file_can_have(text: str) -> None:
    name = file_name(text)
    assert len(name.encode()) <= 150
    assert not {"/", "\\", "\0", "."} & {*name}
    assert escape_text_fields(name) == name


# --- documents that are broken at random ----------------------------------------------------------


def loaded(load: Callable[[Path], Any], file: Path) -> Any:
    """Return what is loaded; None for what is refused in a sentence that is not long."""
    try:
        return load(file)
    except StoreError as error:
        said = str(error)
    assert len(said) < 600
    return None


@pytest.mark.parametrize("seed", range(2))
def test_a_run_that_is_broken_at_random_is_refused_or_told(seed: int, tmp_path: Path) -> None:
    """The same is done by the ten thousand in benchmarks/broken_documents.py."""
    chance = random.Random(seed)
    data = run_file.encode(run_of_all(fitting("x"), many=2))
    file = tmp_path / "run.json"
    told = 0
    for _ in range(25):
        file.write_bytes(mutated(data, chance))
        run = loaded(run_file.load, file)
        if run is None:
            continue
        told += 1
        facts = replace(facts_of(fitting("x")), run=run)
        for name in ("terminal.render_run", "markdown.markdown", "junit.junit", "html.page.render_report"):
            check(name, facts)
        for comparison in worked_with(run, run_of(CLEAN), facts.baseline, tmp_path):
            check("comparison.render_comparison", replace(facts, comparison=comparison))
    assert told > 2


def test_a_baseline_that_is_broken_at_random_is_refused_or_loaded(tmp_path: Path) -> None:
    chance = random.Random(7)
    data = baseline_file.encode_baseline(baseline_of_all(fitting("x")))
    file = tmp_path / "baseline.json"
    told = 0
    for _ in range(300):
        file.write_bytes(mutated(data, chance))
        baseline = loaded(baseline_file.load_baseline, file)
        told += isinstance(baseline, Baseline)
    assert 10 < told < 290
