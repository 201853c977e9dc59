"""What other tools get: their formats kept, the figures those of the document, and no name that breaks out."""

import csv
import io
import json
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.model.explanation import AllocationSite, Explanation, PeakSite
from leakcheck.model.result import Result
from leakcheck.model.stacks import Frame, FrameKind
from leakcheck.reporters.export.collapsed import collapsed
from leakcheck.reporters.export.run_csv import Cell, csv_document, run_csv
from leakcheck.reporters.export.speedscope import speedscope
from leakcheck.reporters.export.stacks import StackKind, stacks_of
from tests.unit.causes import SITE
from tests.unit.runs import BROKEN, CLEAN, LEAK, MIB, UNSURE, run_of

PEAK_SITE = PeakSite(bytes=80 * MIB, share=0.86, frames=SITE.frames, stacks=3)
EXPLAINED = replace(LEAK, explanation=Explanation(allocation_sites=(SITE,)), peak_sites=(PEAK_SITE,))
RUN = run_of(CLEAN, EXPLAINED, BROKEN)

HOSTILE = "a;b\nc 12\r\x1b[31m\u202e</script>$\\alpha$=1+1"

FILE_OF_SPEEDSCOPE = {
    "type": "object",
    "required": ["$schema", "shared", "profiles"],
    "properties": {
        "$schema": {"const": "https://www.speedscope.app/file-format-schema.json"},
        "name": {"type": "string"},
        "exporter": {"type": "string"},
        "activeProfileIndex": {"type": "integer", "minimum": 0},
        "shared": {
            "type": "object",
            "required": ["frames"],
            "properties": {
                "frames": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string"},
                            "file": {"type": "string"},
                            "line": {"type": "integer", "minimum": 1},
                        },
                        "additionalProperties": False,
                    },
                }
            },
        },
        "profiles": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["type", "name", "unit", "startValue", "endValue", "samples", "weights"],
                "properties": {
                    "type": {"const": "sampled"},
                    "name": {"type": "string"},
                    "unit": {"const": "bytes"},
                    "startValue": {"const": 0},
                    "endValue": {"type": "number"},
                    "samples": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
                    "weights": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}},
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
"""What speedscope's own schema, and its comments, ask of a file of sampled profiles; stricter where we are."""


def opened(*results: Result) -> Any:
    [(name, data)] = speedscope(run_of(*results))
    assert name == "run.speedscope.json"
    document = json.loads(data)
    jsonschema.validate(document, FILE_OF_SPEEDSCOPE)
    frames = document["shared"]["frames"]
    for profile in document["profiles"]:
        assert len(profile["samples"]) == len(profile["weights"])
        assert profile["endValue"] == sum(profile["weights"])
        assert all(0 <= number < len(frames) for sample in profile["samples"] for number in sample)
    return document


def test_speedscope_gets_a_profile_for_the_peak_and_one_for_what_grows() -> None:
    document = opened(CLEAN, EXPLAINED)
    peak, growth = document["profiles"]
    assert peak["name"] == "newsletter[retained], bytes at the peak of one call"
    assert growth["name"] == "newsletter[retained], bytes gained per 1000 calls"
    assert peak["endValue"] == EXPLAINED.peak_bytes
    assert growth["endValue"] == 144 * MIB


def test_speedscope_gets_each_stack_from_its_outermost_frame() -> None:
    document = opened(EXPLAINED)
    names = [document["shared"]["frames"][number]["name"] for number in document["profiles"][0]["samples"][0]]
    assert names == ["deliver", "from_db"]
    assert {"name": "deliver", "file": "scenarios/newsletter/views.py", "line": 41} in document["shared"]["frames"]


def test_a_run_without_stacks_has_no_files_of_stacks() -> None:
    assert list(speedscope(run_of(CLEAN, BROKEN))) == []
    assert list(collapsed(run_of(CLEAN, BROKEN), StackKind.PEAK)) == []


def parsed(data: bytes) -> list[tuple[list[str], int]]:
    """Read collapsed stacks as flamegraph.pl does: the last blank parts the frames from the number."""
    lines = data.decode().split("\n")
    assert lines.pop() == ""
    return [(stack.split(";"), int(size)) for stack, _, size in (line.rpartition(" ") for line in lines)]


def test_collapsed_stacks_add_up_to_the_whole_below_the_scenario() -> None:
    [(name, data)] = collapsed(RUN, StackKind.PEAK)
    assert name == "peak.collapsed"
    (stack, _), (other, _) = lines = parsed(data)
    assert stack == [
        "newsletter[retained]",
        "deliver (scenarios/newsletter/views.py:41)",
        "from_db (django/db/models/base.py:580)",
    ]
    assert other == ["newsletter[retained]", "(other stacks)"]
    assert sum(size for _, size in lines) == EXPLAINED.peak_bytes


texts = st.text(max_size=8) | st.just(HOSTILE)
frames = st.builds(
    Frame, function=texts, file=texts, line=st.integers(-1, 99), kind=st.sampled_from(FrameKind), source=texts
)
stacks = st.lists(frames, max_size=3).map(tuple)
sizes = st.floats(-1e6, 1e12)
sites = st.builds(
    AllocationSite,
    bytes_per_1000_calls=sizes,
    low=sizes,
    high=sizes,
    blocks_per_1000_calls=sizes,
    share=sizes,
    frames=stacks,
    stacks=st.integers(0, 3),
)


@given(st.lists(sites, max_size=3), texts)
def test_stacks_of_any_document_are_exported_unchanged(grown: list[AllocationSite], name: str) -> None:
    result = replace(LEAK, scenario=name, explanation=Explanation(allocation_sites=tuple(grown)))
    exported = stacks_of(result, StackKind.GROWTH)
    documents = list(collapsed(run_of(result), StackKind.GROWTH))
    assert bool(documents) == bool(exported)
    for _, data in documents:
        lines = parsed(data)
        assert [size for _, size in lines] == [stack.bytes for stack in exported]
        assert [len(frames) for frames, _ in lines] == [1 + len(stack.frames) for stack in exported]
        assert not set(data.decode()) & {"\x1b", "\r", "\u202e"}
    if exported:
        profile = opened(result)["profiles"][-1]
        assert profile["weights"] == [stack.bytes for stack in exported]
        assert [len(sample) for sample in profile["samples"]] == [len(stack.frames) for stack in exported]


def rows_of(*results: Result) -> list[dict[str, str]]:
    [(name, data)] = run_csv(run_of(*results))
    assert name == "run.csv"
    return list(csv.DictReader(io.StringIO(data.decode(), newline="")))


def test_a_table_has_a_row_for_each_result_and_the_documents_figures_unrounded() -> None:
    clean, leak, broken = rows_of(CLEAN, EXPLAINED, BROKEN)
    assert (clean["scenario"], clean["variant"], clean["verdict"]) == ("newsletter", "iterator", "clean")
    assert float(leak["growth (bytes / 1000 calls)"]) == 144 * MIB
    assert int(leak["peak (bytes)"]) == EXPLAINED.peak_bytes
    assert leak["over budget"] == "growth, peak"
    assert leak["allocated at"] == "scenarios/newsletter/views.py:41"
    assert leak["p95 (seconds)"] == ""
    assert broken["growth (bytes / 1000 calls)"] == ""
    assert broken["failure"] == "ValueError: no row 700"
    assert {row["git commit"] for row in (clean, leak)} == {"5aaf40e0123456789"}


def test_every_column_of_figures_says_its_unit() -> None:
    [row] = rows_of(UNSURE)
    figures = [name for name, cell in row.items() if cell.replace(".", "").replace("-", "").isdigit()]
    assert figures
    assert [name for name in figures if "(" not in name] == ["calls", "latency samples", "python"]


@pytest.mark.parametrize("text", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "  =1", "\t=1", "\r=1"])
def test_no_text_is_evaluated_as_a_formula(text: str) -> None:
    [_, row] = csv.reader(io.StringIO(csv_document(["a", "b"], [[text, -1.5]]).decode(), newline=""))
    assert row[0].startswith(("'", "\\"))
    assert row[1] == "-1.5"


cells = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(st.lists(st.lists(cells, min_size=2, max_size=2), max_size=4))
def test_a_table_is_read_again_cell_by_cell(rows: list[list[Cell]]) -> None:
    read = list(csv.reader(io.StringIO(csv_document(["one", "two"], rows).decode(), newline="")))
    assert len(read) == len(rows) + 1
    for written, again in zip(rows, read[1:], strict=True):
        for cell, text in zip(written, again, strict=True):
            if isinstance(cell, float):
                assert float(text) == cell
            elif isinstance(cell, str):
                assert not text.lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))
