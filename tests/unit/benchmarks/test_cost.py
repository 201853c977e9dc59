"""What the benchmark of costs makes of its rows: ratios of neighbours, and a page that is the same each time."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from cost import PARTS, main, save, small_scenarios
from cost_figures import BARE, LEAKCHECK, Row, costs, fleets, rows_of
from cost_page import sections

from leakcheck.worker.load import load_file, marked_scenarios

MIB = 1024**2


def row(tool: str = LEAKCHECK, **given: Any) -> Row:
    """Return a row of 200 calls of a millisecond that took a second, but for what is given."""
    usual: dict[str, Any] = {"part": "call", "case": "1 ms", "verdict": "clean", "calls": 200, "cpu_seconds": 1.0}
    return Row(tool=tool, **{**usual, "wall_seconds": 2.0, **given})


def bare(calls: int, cpu_seconds: float, **given: Any) -> Row:
    return row(BARE, calls=calls, cpu_seconds=cpu_seconds, verdict="", **given)


def test_a_ratio_is_of_the_same_load_and_the_same_repetition() -> None:
    rows = [
        row(cpu_seconds=1.0),
        bare(0, 0.05),
        bare(200, 0.25),
        # the machine is four times as slow by now
        row(cpu_seconds=4.0, repetition=1),
        bare(0, 0.2, repetition=1),
        bare(200, 1.0, repetition=1),
        row(cpu_seconds=9.0, case="20 ms"),
    ]
    by_case = {cost.case: cost for cost in costs(rows, "call")}
    assert by_case["1 ms"].times_bare == pytest.approx(4.0)
    assert by_case["1 ms"].cpu_seconds == 2.5
    assert by_case["20 ms"].times_bare is None


def test_a_tool_that_makes_other_calls_is_held_to_a_bare_replay_of_as_many() -> None:
    """GIVEN a start of 50 ms and calls of 1 ms WHEN a tool makes 1000 calls in 2.1 s THEN that is twice 1.05 s."""
    rows = [row("other", calls=1000, cpu_seconds=2.1), bare(0, 0.05), bare(200, 0.25)]
    assert costs(rows, "call")[0].times_bare == pytest.approx(2.0)


def test_the_share_of_the_users_code_is_known_of_leakcheck_alone() -> None:
    rows = [row(replay_seconds=0.6, measured_seconds=1.0, start_seconds=0.2), row("other")]
    mine, other = costs(rows, "call")
    assert mine.own_share == pytest.approx(0.6)
    assert mine.own_share_of_calls == pytest.approx(0.75)
    assert (other.own_share, other.own_share_of_calls) == (None, None)


def test_many_scenarios_are_told_by_the_single_one_and_by_the_jobs() -> None:
    common: dict[str, Any] = {"part": "scenarios", "case": "100", "scenarios": 100}
    rows = [
        row(**common, jobs=2, cpu_seconds=30.0, wall_seconds=20.0, peak_bytes=64 * MIB),
        row(**common, jobs=2, peaks=True, cpu_seconds=50.0, wall_seconds=30.0),
        bare(800, 0.05, **common),
    ]
    without, with_peaks = fleets(rows)
    assert (without.wall_seconds_each, without.cpu_seconds_each) == (0.2, 0.3)
    assert without.times_bare == pytest.approx(6.0)
    assert without.peak_mib == 64
    assert (with_peaks.peaks, with_peaks.peak_mib) == (True, None)


def document() -> dict[str, Any]:
    """Return what `cost.py` saves, with a row of everything."""
    rows = [
        row(replay_seconds=0.9, measured_seconds=1.0, start_seconds=0.05),
        row("psleak", calls=None, verdict="no verdict"),
        bare(0, 0.05),
        bare(200, 0.25),
        row(part="heap", case="3 M"),
        row(part="scenarios", case="10", scenarios=10, jobs=1, peaks=True, peak_bytes=64 * MIB),
        bare(800, 0.05, part="scenarios", case="10", scenarios=10),
    ]
    return {
        "schema": 1,
        "started": "2026-11-24T10:12:07+00:00",
        "machine": {"cores": 2, "system": "Linux x86_64", "python": "CPython 3.11.7"},
        "leakcheck": "0.7",
        "repetitions": 3,
        "rows": [asdict(one) for one in rows],
    }


def test_the_page_has_a_table_for_each_part_and_pictures_that_are_there(tmp_path: Path) -> None:
    text = sections(document(), tmp_path / "benchmarks")
    assert "| 1 ms | leakcheck | clean | 200 | 1.00 | 2.00 | 4.00 × | 95%, 90% |" in text
    assert "| 1 ms | psleak | no verdict |  | 1.00 | 2.00 |  |  |" in text
    assert "| 10 | 1 | yes | 0.20 | 0.10 | 2.0 × | 64.0 MiB |" in text
    pictures = sorted(path.name for path in (tmp_path / "benchmarks").iterdir())
    assert pictures == ["cost-loads.svg", "cost-scenarios.svg"]
    for name in pictures:
        assert f"](images/benchmarks/{name})" in text
        ElementTree.parse(tmp_path / "benchmarks" / name)


def test_the_same_document_makes_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / "one" / "benchmarks", tmp_path / "other" / "benchmarks"]
    texts = {sections(document(), folder) for folder in folders}
    assert len(texts) == 1
    for path in folders[0].iterdir():
        assert path.read_bytes() == (folders[1] / path.name).read_bytes()


def test_of_a_document_with_one_part_only_that_is_shown(tmp_path: Path) -> None:
    whole = document()
    heap_alone = {**whole, "rows": [one for one in whole["rows"] if one["part"] == "heap"]}
    text = sections(heap_alone, tmp_path)
    assert "### By the objects alive" in text
    assert "number of scenarios" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["cost-loads.svg"]


def test_what_is_saved_is_read_again_and_replaces_what_was_there(tmp_path: Path) -> None:
    place = tmp_path / "results" / "cost.json"
    for _ in range(2):
        save(place, document())
        assert rows_of(json.loads(place.read_text(encoding="utf-8")))[0] == row(
            replay_seconds=0.9, measured_seconds=1.0, start_seconds=0.05
        )
    assert [path.name for path in place.parent.iterdir()] == ["cost.json"]


def test_a_part_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--part", "call,heaps"])
    assert f"there is no part 'heaps'; the parts are {', '.join(PARTS)}" in capsys.readouterr().err


def test_the_file_of_small_scenarios_holds_as_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "small_ones_for_this_test.py"
    file.write_text(small_scenarios(7), encoding="utf-8")
    marked = marked_scenarios(load_file(file))
    assert list(marked) == [f"small_{number}" for number in range(7)]
    for _, function in marked.values():
        function()
