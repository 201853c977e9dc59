"""Which numbers of a module are moved, what a moved one looks like, and which tests are asked."""

from pathlib import Path

import pytest
from mutants import Answers, _digest, covering_tests, own_tests
from tuned_numbers import Number, mutants_of, tuned_numbers

MODULE = Path("leakcheck/analysis/shop.py")


def numbers(text: str) -> list[Number]:
    return list(tuned_numbers(MODULE, text))


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("_LEAST_SHARE = 0.25", [0.25]),
        ("_LEAST_BYTES = 256 * 1024", [262_144]),
        ("_LEAST_BYTES, _LEAST_CALLS = 1 << 16, 30", [65_536, 30]),
        ("_LEAST: dict[str, int] = {'files': 8000}", [8000]),
        ("_LONGER = 5 / 3 * _FACTOR", [5 / 3]),
        ("_FACTOR = 2.0", [2.0]),
        ("_NOTHING, _ALL, _LAST, _IS_ON = 0, 1.0, -1, True", []),
        ("rate = 0.25", []),
        ("_PAGE = 4096  # not tuned: a page", []),
        ("_MOST = 3  # any value from 1 to 9 does: only printed", [3]),
        ("# not tuned: a page\n_PAGE = 4096", []),
    ],
)
def test_the_tuned_numbers_are_those_of_a_constant_and_a_product_is_one(line: str, values: list[float]) -> None:
    assert [number.value for number in numbers(line)] == values


def test_of_which_number_any_value_does_is_told_with_its_reason() -> None:
    [number] = numbers("_MOST = 3  # any value from 1 to 9 does: only printed")
    assert number.remark == "any value from 1 to 9 does: only printed"
    assert numbers("_MOST = 3  # only printed")[0].remark == ""


def test_a_number_is_moved_by_half_either_way_and_the_rest_of_the_text_stays() -> None:
    text = '"""Prices, in €."""\n\n_LOW, _LARGEST_BYTES = 0.5, 16 * 1024  # of a page of 4096\n'
    low, largest = numbers(text)
    assert [mutant.text(text).splitlines()[2][:40] for mutant in mutants_of(low)] == [
        "_LOW, _LARGEST_BYTES = 0.25, 16 * 1024  ",
        "_LOW, _LARGEST_BYTES = 0.75, 16 * 1024  ",
    ]
    assert [mutant.text(text).splitlines()[2] for mutant in mutants_of(largest)] == [
        "_LOW, _LARGEST_BYTES = 0.5, 8192  # of a page of 4096",
        "_LOW, _LARGEST_BYTES = 0.5, 24576  # of a page of 4096",
    ]


def written(project: Path, *names: str) -> None:
    for name in names:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("", encoding="utf-8")


def test_the_own_tests_of_a_module_are_told_from_those_of_a_longer_name(tmp_path: Path) -> None:
    written(tmp_path, "leakcheck/analysis/shop.py", "leakcheck/analysis/shop_window.py")
    written(tmp_path, *(f"tests/unit/analysis/test_{name}.py" for name in ("shop", "shop_limits", "shop_window")))
    assert [test.stem for test in own_tests(MODULE, tmp_path)] == ["test_shop", "test_shop_limits"]


def test_a_module_is_tested_by_its_own_tests_and_by_those_of_its_importers(tmp_path: Path) -> None:
    written(
        tmp_path, "leakcheck/analysis/shop.py", *(f"tests/unit/analysis/test_{name}.py" for name in ("shop", "till"))
    )
    (tmp_path / "leakcheck/analysis/till.py").write_text("from leakcheck.analysis.shop import PRICE\n")
    assert [test.stem for test in covering_tests(MODULE, tmp_path)] == ["test_shop", "test_till"]


def test_a_module_without_tests_of_its_own_is_tested_by_those_of_its_folder(tmp_path: Path) -> None:
    written(tmp_path, "leakcheck/analysis/shop.py", "tests/unit/analysis/test_till.py")
    assert [test.stem for test in covering_tests(MODULE, tmp_path)] == ["test_till"]


def test_an_answer_is_kept_for_the_next_run_until_the_module_or_its_tests_change(tmp_path: Path) -> None:
    # GIVEN a mutant that a run noticed
    written(tmp_path, "tests/unit/analysis/test_shop.py")
    (tmp_path / MODULE).parent.mkdir(parents=True)
    (tmp_path / MODULE).write_text("_LEAST = 5\n")
    mutant, other = mutants_of(numbers("_LEAST = 5\n")[0])
    kept = tmp_path / "mutants.jsonl"
    Answers(kept, tmp_path).add(mutant, noticed=True)
    # THEN the next one knows
    assert Answers(kept, tmp_path).get(mutant) is True
    assert Answers(kept, tmp_path).get(other) is None
    # AND the next, once a test was written, asks again
    _digest.cache_clear()
    (tmp_path / "tests/unit/analysis/test_shop.py").write_text("def test_shop(): ...\n")
    assert Answers(kept, tmp_path).get(mutant) is None
