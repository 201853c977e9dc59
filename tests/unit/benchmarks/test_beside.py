"""What the rows of a run beside the peers come to, and the page that is made of them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from arms import Arm, corpus_arms
from figures import accuracy, ahead, attempts, cost, joined, pair, peers_right_alone, right_with_all
from outcomes import Kind, Row, Standing, as_json, error_percent, from_json, is_named, judged, kind_of, standing_of
from page import main, page
from peers.registry import LEAKCHECK
from peers.words import Said, Verdict


def arm(**given: Any) -> Arm:
    """Return an arm that leaks 100 to 110 bytes a call, but for what is given."""
    usual: dict[str, Any] = {"case": "shop", "name": "leaky", "truth": "leak", "folder": Path(), "file": "shop.py"}
    return Arm(**{**usual, "low_bytes_per_call": 100.0, "high_bytes_per_call": 110.0, **given})


def row(tool: str = LEAKCHECK, name: str = "shop-leaky", **given: Any) -> Row:
    """Return a row that is right about a leak, but for what is given."""
    usual: dict[str, Any] = {"kind": Kind.MEMORY, "verdict": Verdict.LEAK, "standing": Standing.RIGHT, "calls": 100}
    return Row(tool=tool, arm=name, **{**usual, "cpu_seconds": 1.0, "wall_seconds": 2.0, **given})


@pytest.mark.parametrize(
    ("kind", "verdict", "standing"),
    [
        (Kind.MEMORY, Verdict.LEAK, Standing.RIGHT),
        (Kind.MEMORY, Verdict.CLEAN, Standing.MISSED),
        (Kind.OTHER, Verdict.LEAK, Standing.RIGHT),
        (Kind.OTHER, Verdict.CLEAN, Standing.MISSED),
        (Kind.NOTHING, Verdict.CLEAN, Standing.RIGHT),
        (Kind.NOTHING, Verdict.LEAK, Standing.FALSE_ALARM),
        (Kind.NOTHING, Verdict.UNDECIDED, Standing.UNDECIDED),
        (Kind.MEMORY, Verdict.UNDECIDED, Standing.UNDECIDED),
        (Kind.NOTHING, Verdict.NONE, Standing.FAILED),
    ],
)
def test_a_verdict_stands_to_the_truth_so(kind: Kind, verdict: Verdict, standing: Standing) -> None:
    assert standing_of(kind, verdict) is standing


def test_a_cache_that_ends_is_no_leak_and_a_lost_file_is_one() -> None:
    assert kind_of(arm(truth="bounded")) is Kind.NOTHING
    assert kind_of(arm(truth="clean", resource="open files")) is Kind.OTHER
    assert kind_of(arm(truth="clean", resource="")) is Kind.NOTHING
    assert kind_of(arm(truth="leak", resource="threads")) is Kind.MEMORY


def test_a_rate_within_what_is_known_has_no_error() -> None:
    assert error_percent(arm(), 105.0) == 0
    assert error_percent(arm(), 121.0) == pytest.approx(10)
    assert error_percent(arm(), 90.0) == pytest.approx(-10)
    assert error_percent(arm(low_bytes_per_call=None), 90.0) is None


def test_a_culprit_is_named_by_its_line_or_by_what_holds_it() -> None:
    known = arm(holder="CART", lines=("CART.append(",))

    assert is_named(known, ["shop.CART"])
    assert is_named(known, ["", "    CART.append(row)"])
    assert is_named(known, []) is False
    assert is_named(known, None) is None
    assert is_named(arm(), ["anything"]) is None


def test_rate_and_culprit_count_only_where_the_leak_was_found() -> None:
    known = arm(holder="CART")
    found = judged(known, "a", Said(verdict=Verdict.LEAK, bytes_per_call=100.0, shown=("shop.CART",)))
    missed = judged(known, "a", Said(verdict=Verdict.CLEAN, bytes_per_call=100.0, shown=("shop.CART",)))

    assert (found["error_percent"], found["named"]) == (0, True)
    assert (missed["error_percent"], missed["named"]) == (None, None)


def test_a_tool_that_errs_once_in_three_is_not_right() -> None:
    rows = [row(repetition=n, cpu_seconds=seconds) for n, seconds in enumerate((3.0, 1.0, 2.0))]
    rows[1] = replace(rows[1], standing=Standing.MISSED)

    (one,) = joined(rows)

    assert (one.standing, one.cpu_seconds) == (Standing.MISSED, 2.0)


def some_rows() -> list[Row]:
    """Return two tools on a leak, a lost file and two clean arms."""
    return [
        row(cpu_seconds=2.0, bare_cpu_seconds=0.5, calls=800, error_percent=0.0, named=True),
        row("rss", error_percent=40.0, bare_cpu_seconds=0.25),
        row(name="file-leaky", kind=Kind.OTHER),
        row("rss", "file-leaky", kind=Kind.OTHER, standing=Standing.MISSED, verdict=Verdict.CLEAN),
        row(name="quiet-fixed", kind=Kind.NOTHING, verdict=Verdict.CLEAN, calls=None),
        row("rss", "quiet-fixed", kind=Kind.NOTHING, verdict=Verdict.CLEAN),
        row(name="cache-fixed", kind=Kind.NOTHING, verdict=Verdict.UNDECIDED, standing=Standing.UNDECIDED),
        row("rss", "cache-fixed", kind=Kind.NOTHING, verdict=Verdict.CLEAN),
    ]


def test_what_a_tool_was_right_about_is_counted() -> None:
    ours, theirs = (accuracy(tool, some_rows()) for tool in (LEAKCHECK, "rss"))

    assert (ours.memory_found, ours.other_found, ours.nothing_right, ours.undecided) == (1, 1, 1, 1)
    assert (theirs.memory_found, theirs.other_found, theirs.nothing_right, theirs.right) == (1, 0, 2, 3)
    assert (theirs.rates, theirs.rates_close, theirs.nameable) == (1, 0, 0)


def test_where_a_peer_is_ahead_it_is_said() -> None:
    counted = [accuracy(tool, some_rows()) for tool in (LEAKCHECK, "rss")]

    assert ahead(counted) == ["rss: undecided (0 against 1)"]
    assert ahead(list(reversed(counted))) == ahead(counted)
    assert peers_right_alone(some_rows()) == {"cache-fixed": ["rss"]}


def test_costs_are_compared_where_all_are_right() -> None:
    rows = some_rows()

    assert right_with_all(rows, [Kind.NOTHING]) == {"quiet-fixed"}
    assert right_with_all(rows, [Kind.MEMORY, Kind.OTHER]) == {"shop-leaky"}
    ours = cost(LEAKCHECK, rows, ["shop-leaky"])
    assert ours is not None
    assert ours.ratio is not None
    assert (ours.calls.median, ours.cpu_seconds.median, ours.ratio.median) == (800, 2.0, 4.0)
    assert cost(LEAKCHECK, rows, []) is None
    both = pair("rss", rows)
    assert both is not None
    assert (both.arms, both.cpu.low, both.cpu.high, both.calls.median) == (2, 1.0, 2.0, 8.0)


def asked(tool: str, factor: int, standings: Sequence[Standing]) -> list[Row]:
    """Return a row for each of the functions a, b, c, as far as the standings reach."""
    return [row(tool, name, factor=factor, standing=one) for name, one in zip("abc", standings, strict=False)]


def test_being_right_means_about_every_function() -> None:
    rows = [
        *asked("rss", 1, [Standing.RIGHT, Standing.MISSED, Standing.RIGHT]),
        *asked("rss", 4, [Standing.RIGHT, Standing.RIGHT]),  # ended early: the third was never asked
        *asked("rss", 16, [Standing.RIGHT] * 3),
    ]

    tried = attempts(rows, ["a", "b", "c"])

    assert [(one.factor, one.right) for one in tried] == [(1, False), (4, False), (16, True)]
    assert tried[0].mistakes == ("b: missed",)
    assert (tried[2].calls, tried[2].cpu_seconds) == (300, 3.0)


def test_rows_come_back_from_json_as_they_were() -> None:
    rows = some_rows()

    assert from_json(json.loads(json.dumps(as_json(rows)))) == rows


def document() -> dict[str, Any]:
    """Return a small run beside one peer."""
    tools = [
        {"name": LEAKCHECK, "version": "1.0", "settings": "as it is", "rule": "its verdict", "source": ""},
        {"name": "rss", "version": "psutil 7", "settings": "two readings", "rule": "1 MB", "source": "https://x.org/"},
    ]
    functions = [row(tool, "quiet_10_us-function", kind=Kind.NOTHING) for tool in (LEAKCHECK, "rss")]
    return {
        "schema": 1,
        "started": "2026-11-24T10:00:00+00:00",
        "machine": {"processor": "Z80", "cores": 2, "system": "Linux", "libc": "glibc 2", "python": "CPython 3.13"},
        "repetitions": 3,
        "jobs": 1,
        "tools": tools,
        "rows": as_json(some_rows()),
        "functions": as_json(functions),
    }


def test_the_page_tells_what_was_measured_and_where_a_peer_is_ahead(tmp_path: Path) -> None:
    text = page(document(), ["## How cost grows\n\nSlowly."], tmp_path)

    assert text.startswith("# Benchmarks\n\n<!-- generated by benchmarks/page.py")
    assert "Measured on 2026-11-24 with CPython 3.13" in text
    assert "- **rss**, psutil 7: two readings. Rule: 1 MB. [Source](https://x.org/)." in text
    assert "- rss: undecided (0 against 1)" in text
    assert "- rss: CPU seconds, where both are right (leakcheck takes 1.5 times as much in the middle)" in text
    assert "- On `cache-fixed` leakcheck is not right; rss is." in text
    assert "| cache-fixed | no leak | undecided | ✓ |" in text
    assert text.endswith("## How cost grows\n\nSlowly.\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["peers-cpu.svg", "peers-verdicts.svg"]


def test_the_same_documents_make_the_same_page_and_pictures(tmp_path: Path) -> None:
    results, made = tmp_path / "results", []
    results.mkdir()
    (results / "beside.json").write_text(json.dumps(document()), encoding="utf-8")

    for name in ("first", "second"):
        docs = tmp_path / name
        assert main(["--results", str(results), "--docs", str(docs)]) == 0
        made.append({path.relative_to(docs): path.read_bytes() for path in docs.rglob("*") if path.is_file()})

    assert made[0] == made[1]
    assert len(made[0]) == 3


def test_tables_have_as_many_cells_as_headings(tmp_path: Path) -> None:
    blocks = page(document(), [], tmp_path).split("\n\n")
    tables = [block.splitlines() for block in blocks if block.startswith("|")]

    assert len(tables) >= 5
    for lines in tables:
        assert {line.count("|") for line in lines} == {lines[0].count("|")}, lines


def test_without_a_document_the_page_is_of_the_others_alone(tmp_path: Path) -> None:
    text = page(None, ["## How cost grows"], tmp_path)

    assert "## Accuracy" not in text
    assert text.endswith("## How cost grows\n")


def test_a_rate_that_depends_on_the_calls_is_known_as_a_range() -> None:
    known = {
        (arm.case, arm.name): (arm.low_bytes_per_call, arm.high_bytes_per_call)
        for arm in corpus_arms(Path(__file__).parents[3] / "benchmarks" / "corpus")
    }
    assert known["sqlalchemy_labels", "leaky"] == (86.8, 108.8)
    assert known["sqlalchemy_labels", "fixed"] == (None, None)
    assert known["otel_metric_reader", "leaky"][0] == known["otel_metric_reader", "leaky"][1] is not None
