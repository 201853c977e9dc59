"""The demo is told to be as it should be, or not; it judges nothing by the settings of the folder it is run in."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from leakcheck.cli import demo
from leakcheck.model.answers import Failure
from leakcheck.model.errors import UsageError
from leakcheck.model.result import Result
from leakcheck.model.verdict import Verdict
from tests.unit.runs import CLEAN

SCENARIO = Path(__file__).resolve().parents[3] / "scenarios" / "newsletter" / "scenario.py"


def of(variant: str, verdict: Verdict, *failures: str, trouble: Failure | None = None) -> Result:
    return replace(CLEAN, variant=variant, verdict=verdict, failures=failures, trouble=trouble)


def test_the_story_has_every_variant_of_the_newsletter() -> None:
    text = SCENARIO.read_text(encoding="utf-8")
    assert [name for name in demo.STORY if f'    "{name}": ' not in text] == []
    assert sum(bool(expected.over) for expected in demo.STORY.values()) == 4


def test_what_is_as_told_is_no_surprise() -> None:
    as_told = [
        of("naive", Verdict.CLEAN, "peak"),
        of("iterator", Verdict.CLEAN),
        of("retained", Verdict.LEAK, "peak", "growth"),
        of("debug_queries", Verdict.BOUNDED),
    ]
    assert demo.surprises(as_told) == []


def test_what_came_otherwise_is_told_with_what_it_should_be() -> None:
    surprises = demo.surprises(
        [
            of("naive", Verdict.CLEAN),
            of("iterator", Verdict.INCONCLUSIVE),
            of("values", Verdict.CLEAN, trouble=Failure(kind="raised", message="no such table")),
        ]
    )
    assert surprises == [
        "newsletter[naive] should be clean, over its budget of peak; it is clean, within its budgets",
        "newsletter[iterator] should be clean, within its budgets; it is inconclusive, within its budgets",
        "newsletter[values] failed: no such table",
    ]


def test_what_is_missing_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'no django and no aiosmtpd here; pip install "pytest-leakcheck\[django\]"'):
        demo.newsletter()


def test_an_installed_newsletter_has_its_databases_elsewhere_and_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEWSLETTER_CACHE", raising=False)
    with demo.databases():  # a checkout has a place of its own
        assert "NEWSLETTER_CACHE" not in os.environ
    monkeypatch.setattr(demo, "_SHIPPED", tmp_path)
    with demo.databases():
        place = Path(os.environ["NEWSLETTER_CACHE"])
        assert place.is_dir()
    assert not place.exists()
    assert "NEWSLETTER_CACHE" not in os.environ
