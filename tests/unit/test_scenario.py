"""The mark, targets, and objects that look marked and are not."""

import re
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakcheck.model.errors import UsageError
from leakcheck.model.protocol import scenario_id
from leakcheck.scenario import ScenarioMark, Target, mark_of, parse_target, scenario


def test_a_mark_without_arguments_takes_the_functions_name_and_returns_the_function_unchanged() -> None:
    def parse() -> int:
        return 7

    assert scenario(parse) is parse
    assert mark_of(parse) == ScenarioMark(name="parse")
    assert parse() == 7


def test_a_mark_holds_its_budgets_in_bytes() -> None:
    @scenario(name="send", growth="64 KiB / 1000 calls", peak="10 MiB", timeout_seconds=5.0)
    def newsletter() -> None: ...

    mark = mark_of(newsletter)
    assert mark is not None
    assert mark.name == "send"
    assert mark.growth_bytes_per_1000_calls == 64 * 1024
    assert mark.peak_bytes == 10 * 1024**2
    assert mark.timeout_seconds == 5.0


@pytest.mark.parametrize(
    ("variants", "message"),
    [
        ((0, 40), 'rows: a variant must be a name, not 0; write it in quotes: "0"'),
        ({"naive": 5}, 'rows: a variant must be a name, not 5; write it in quotes: "5"'),
        ("naive", 'rows: variants are a list of names; write variants=["naive"]'),
    ],
)
def test_variants_that_are_not_names_are_a_usage_error(variants: Any, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        scenario(name="rows", variants=variants)(lambda: None)


def test_variants_may_be_names_or_names_with_a_sentence_each() -> None:
    @scenario(variants=("naive", "iterator"))
    def named(variant: str) -> None: ...

    @scenario(variants={"naive": "It loads all."})
    def explained(variant: str) -> None: ...

    assert getattr(mark_of(named), "variants", None) == {"naive": "", "iterator": ""}
    assert getattr(mark_of(explained), "variants", None) == {"naive": "It loads all."}


def test_options_are_stored_by_pass_as_copies_of_the_callers_dictionaries() -> None:
    rows = {"rows": 200}

    @scenario(growth_options=rows, peak_options={"rows": 100_000})
    def send(rows: int) -> None: ...

    rows["rows"] = 0
    mark = mark_of(send)
    assert mark is not None
    assert mark.growth_options == {"rows": 200}
    assert mark.peak_options == {"rows": 100_000}


@pytest.mark.parametrize("budget", [{"growth": "64 Kib"}, {"peak": "10"}, {"peak": "1 MiB / 2 calls"}])
def test_an_invalid_budget_is_a_usage_error_when_the_function_is_marked(budget: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        scenario(growth=budget.get("growth"), peak=budget.get("peak"))(lambda: None)


def test_a_class_can_be_marked_and_its_subclasses_and_instances_are_not() -> None:
    @scenario
    class Call:
        pass

    class Child(Call):
        pass

    assert mark_of(Call) == ScenarioMark(name="Call")
    assert mark_of(Child) is None
    assert mark_of(Call()) is None


def test_a_wrapper_that_copies_the_functions_attributes_copies_its_mark() -> None:
    @scenario
    def parse() -> None: ...

    @wraps(parse)
    def wrapped() -> None: ...

    assert mark_of(wrapped) == ScenarioMark(name="parse")
    assert mark_of(lru_cache(parse)) == ScenarioMark(name="parse")


class AnswersAnything:
    """A lazy proxy that has every attribute."""

    def __getattr__(self, name: str) -> object:
        return ScenarioMark(name=name)


class OutsideItsContext:
    """Like flask.request outside of a request: every access raises."""

    __slots__ = ()

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(f"working outside of request context: {name}")

    @property
    def __class__(self) -> type:
        raise RuntimeError("working outside of request context")

    @__class__.setter
    def __class__(self, value: type) -> None: ...


class LiesAboutItsAttributes:
    @property
    def __dict__(self) -> object:  # type: ignore[override]
        return SimpleNamespace(get=lambda name: ScenarioMark(name=name))


class ClaimsToBeAClass:
    @property
    def __class__(self) -> type:
        return type

    @__class__.setter
    def __class__(self, value: type) -> None: ...


@pytest.mark.parametrize(
    "make",
    [AnswersAnything, OutsideItsContext, LiesAboutItsAttributes, ClaimsToBeAClass, MagicMock, object, int, str, list],
)
def test_an_object_that_was_never_marked_has_no_mark_whatever_its_attributes_are(make: Callable[[], object]) -> None:
    assert mark_of(make()) is None


def test_an_attribute_of_the_marks_name_that_is_no_mark_is_ignored() -> None:
    holder = SimpleNamespace(**{"__leakcheck_scenario__": "yes"})
    assert mark_of(holder) is None


def test_an_id_is_the_name_with_the_variant_in_brackets() -> None:
    assert scenario_id("newsletter", None) == "newsletter"
    assert scenario_id("newsletter", "naive") == "newsletter[naive]"


@pytest.fixture
def project_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "bench.py").touch()
    (tmp_path / "folder.py").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("bench.py", Target(path=Path("bench.py"))),
        ("./bench.py", Target(path=Path("bench.py"))),
        ("bench.py::send", Target(path=Path("bench.py"), name="send")),
        ("bench.py::send[naive]", Target(path=Path("bench.py"), name="send", variant="naive")),
        ("bench.py::send[a[0]]", Target(path=Path("bench.py"), name="send", variant="a[0]")),
        ("bench.py::send mail", Target(path=Path("bench.py"), name="send mail")),
        (".", Target(path=Path())),
        ("shop.cart:checkout", Target(module="shop.cart", name="checkout")),
        ("shop:Cart.checkout", Target(module="shop", name="Cart.checkout")),
    ],
)
@pytest.mark.usefixtures("project_folder")
def test_a_target_is_a_folder_a_file_a_scenario_or_a_callable(text: str, target: Target) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize("text", ["bench.py", "bench.py::send", "bench.py::send[naive]", "shop.cart:checkout"])
@pytest.mark.usefixtures("project_folder")
def test_a_target_is_printed_as_it_was_written(text: str) -> None:
    assert str(parse_target(text)) == text


@pytest.mark.parametrize("text", ["nowhere.py", "nowhere.py::send", "folder.py"])
@pytest.mark.usefixtures("project_folder")
def test_a_missing_file_is_named_in_the_error(text: str) -> None:
    with pytest.raises(UsageError, match=r"\.py: no such file; pass an existing file or folder$"):
        parse_target(text)


@pytest.mark.usefixtures("project_folder")
def test_the_error_for_a_missing_file_suggests_one_that_is_spelt_alike() -> None:
    with pytest.raises(UsageError, match=r"benhc\.py: no such file; did you mean bench\.py\?$"):
        parse_target("benhc.py::send")


@pytest.mark.parametrize(
    "text",
    ["", "nowhere", "bench.py::", "bench.py::send[]", "bench.py::send[naive", "shop.cart:", ":send", "shop.cart:2"],
)
@pytest.mark.usefixtures("project_folder")
def test_an_invalid_target_is_an_error_that_lists_the_valid_forms(text: str) -> None:
    with pytest.raises(UsageError, match=r"write FOLDER, FILE\.py, FILE\.py::NAME"):
        parse_target(text)


@given(st.text(max_size=20))
def test_any_text_is_either_a_target_or_a_usage_error(text: str) -> None:
    try:
        assert str(parse_target(text))
    except UsageError:
        pass
