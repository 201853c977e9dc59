"""The demo: what is expected of each variant, and what is reported when it comes out otherwise."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from leakcheck.cli import demo
from leakcheck.model.errors import UsageError
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Result
from leakcheck.model.verdict import Verdict
from tests.unit.runs import CLEAN

SCENARIO = Path(__file__).resolve().parents[3] / "scenarios" / "newsletter" / "scenario.py"


def result_of(variant: str, verdict: Verdict, *failures: str, failure: Failure | None = None) -> Result:
    return replace(CLEAN, variant=variant, verdict=verdict, over_budget=failures, failure=failure)


def test_every_expected_variant_is_one_of_the_newsletter() -> None:
    text = SCENARIO.read_text(encoding="utf-8")
    assert [name for name in demo.EXPECTED if f'    "{name}": ' not in text] == []
    assert sum(bool(failures) for _, failures in demo.EXPECTED.values()) == 4


def test_expected_outcomes_are_no_surprises() -> None:
    results = [
        result_of("naive", Verdict.CLEAN, "peak"),
        result_of("iterator", Verdict.CLEAN),
        result_of("retained", Verdict.LEAK, "peak", "growth"),
        result_of("debug_queries", Verdict.BOUNDED),
    ]
    assert demo.surprises(results) == []


def test_a_surprise_names_the_expected_outcome() -> None:
    surprises = demo.surprises(
        [
            result_of("naive", Verdict.CLEAN),
            result_of("iterator", Verdict.INCONCLUSIVE),
            result_of("values", Verdict.CLEAN, failure=Failure(kind=FailureKind.RAISED, message="no such table")),
        ]
    )
    assert surprises == [
        "newsletter[naive]: expected clean, FAIL peak; got clean, pass",
        "newsletter[iterator]: expected clean, pass; got inconclusive, pass",
        "newsletter[values] failed: no such table",
    ]


def test_missing_packages_are_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'requires django and aiosmtpd; pip install "pytest-leakcheck\[django\]"'):
        demo.newsletter()


def test_an_installed_newsletter_has_its_databases_in_a_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEWSLETTER_CACHE", raising=False)
    with demo.databases():  # a checkout has a folder for them
        assert "NEWSLETTER_CACHE" not in os.environ
    monkeypatch.setattr(demo, "_INSTALLED", tmp_path)
    with demo.databases():
        folder = Path(os.environ["NEWSLETTER_CACHE"])
        assert folder.is_dir()
    assert not folder.exists()
    assert "NEWSLETTER_CACHE" not in os.environ
