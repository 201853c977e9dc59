"""What an explanation changes in a result: the container that filled up gets its name."""

from dataclasses import replace
from datetime import date

import pytest

from leakcheck.analysis.gate.explained import with_explanation
from leakcheck.model.explanation import Explanation, GrowingContainer
from leakcheck.model.result import Result
from tests.unit.runs import BOUNDED

UNNAMED = replace(BOUNDED, bounded_by=None)
CACHE = GrowingContainer(name="shop.CACHE", kind="dict", length=2000, length_per_call=1.0, bytes_per_1000_calls=6e5)


def explained(*containers: GrowingContainer) -> Result:
    return with_explanation(UNNAMED, Explanation(containers=containers), (), date(2026, 1, 1))


@pytest.mark.parametrize(("share", "is_named"), [(0.4, False), (0.6, True), (None, True)])
def test_the_container_that_filled_up_holds_at_least_half_of_the_growth(share: float | None, is_named: bool) -> None:
    bounded_by = explained(replace(CACHE, share=share)).bounded_by
    assert (bounded_by.name if bounded_by else None) == ("shop.CACHE" if is_named else None)


def test_the_limit_is_that_of_the_container_or_its_length_where_it_has_none() -> None:
    without, limited = explained(CACHE).bounded_by, explained(replace(CACHE, limit=9000)).bounded_by
    assert without is not None
    assert limited is not None
    assert (without.limit, limited.limit) == (2000, 9000)
    assert without.bytes_per_entry == pytest.approx(600)


def test_a_container_that_does_not_grow_is_not_the_one_that_filled_up() -> None:
    assert explained(replace(CACHE, length_per_call=0.0)).bounded_by is None
