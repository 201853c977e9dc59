"""The rows that tell why it grows: one line a holder, and the user's line where a callback is kept."""

from dataclasses import replace

from leakcheck.model.explanation import Explanation, Link
from leakcheck.model.stacks import Frame, FrameKind
from leakcheck.reporters.messages import causes
from leakcheck.reporters.messages.causes import CauseRow
from tests.unit.causes import SENT, SENT_PATH
from tests.unit.runs import LEAK

RECEIVER = Frame(function="receiver", file="shop/signals.py", line=7, kind=FrameKind.OWN, source="def receiver(**kw):")


def retention_rows(**changes: object) -> list[CauseRow]:
    path = replace(SENT_PATH, **changes)  # type: ignore[arg-type]
    explanation = Explanation(containers=(SENT,), retention_paths=(path,))
    return list(causes.retention_rows(replace(LEAK, explanation=explanation)))


def test_a_container_is_one_row_however_long_its_path() -> None:
    long = tuple(Link(step="..." if number == 6 else f".step{number}", type="dict") for number in range(12))
    (row,) = retention_rows(links=long)
    assert (row.label, row.where) == ("retained by", SENT.name)


def test_the_line_of_a_retained_callback_is_below_its_container() -> None:
    assert retention_rows(kept_function=RECEIVER)[1:] == [
        CauseRow(label="", where="  keeps shop/signals.py:7", what="def receiver(**kw):")
    ]


def test_the_line_that_sets_a_context_variable_is_below_it() -> None:
    assert retention_rows(set_at=RECEIVER)[1:] == [
        CauseRow(label="", where="  set at shop/signals.py:7", what="def receiver(**kw):")
    ]
