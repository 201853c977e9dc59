"""Run documents of version 1 still load."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leakcheck.model.errors import StoreError
from leakcheck.model.explanation import PageKind, ResidentPart, ResourceKind, TracerName
from leakcheck.model.run import SCHEMA
from leakcheck.storage import run_file
from tests.unit.filled import fitting, run_of_all

DOCUMENT = Path(__file__).parents[1] / "gold" / "run-1.json"
"""Written by the last commit that wrote version 1, with something in every field."""


def test_every_field_of_a_version_1_document_has_its_place_in_version_2() -> None:
    # GIVEN the same run, made of the classes of today
    expected = run_of_all(fitting("x"), 3)
    first = expected.results[0]
    explanation = replace(first.explanation, allocation_tracer=TracerName.MEMRAY_NATIVE)
    resident = (*first.resident, ResidentPart(kind=PageKind.ARENAS, bytes_per_1000_calls=3.0))
    readings = replace(first.readings, counts=dict.fromkeys(ResourceKind, (3,)))
    # version 1 had no verdict of a change
    changes = tuple(replace(change, verdict=None) for change in first.baseline_changes)
    first = replace(first, explanation=explanation, resident=resident, readings=readings, baseline_changes=changes)
    expected = replace(expected, results=(first,))
    # THEN the old document is that run
    assert run_file.load(DOCUMENT) == replace(expected, schema=SCHEMA)


def test_it_is_saved_as_version_2(tmp_path: Path) -> None:
    run = run_file.load(DOCUMENT)
    run_file.save(run, tmp_path / "run.json")
    assert json.loads((tmp_path / "run.json").read_text())["schema"] == "leakcheck.run/2"
    assert run_file.load(tmp_path / "run.json") == run


@pytest.mark.parametrize(
    "broken",
    [
        {"results": [1]},
        {"results": {"scenario": "x"}},
        {"results": [{"sites": 1, "known": "x", "limit": [3]}]},
        {"results": [{"sites_meter": ["x"]}]},
        {},
    ],
)
def test_a_broken_document_of_version_1_is_refused_in_a_sentence(tmp_path: Path, broken: dict[str, Any]) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"schema": "leakcheck.run/1", **broken}))
    with pytest.raises(StoreError, match="not a run document"):
        run_file.load(path)
