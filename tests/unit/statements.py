"""What is said of a result, for tests of single sentences."""

from leakcheck.model.result import Result
from leakcheck.reporters.messages.causes import CauseRow
from leakcheck.reporters.messages.result import REASONS, ResultFact, lines_of, result_statements, rows_of


def reasons_of(result: Result) -> list[str]:
    """Return the sentences on what a result shows and why it does not pass, with its name."""
    return [statement.sentence for statement in result_statements(result) if statement.kind in REASONS]


def said(result: Result, *kinds: ResultFact) -> list[str]:
    """Return the texts of these kinds, without the name."""
    return [statement.text for statement in result_statements(result) if statement.kind in kinds]


def lines(result: Result) -> list[str]:
    """Return all that is said of a result, as lines of text."""
    return lines_of(result_statements(result))


def causes(result: Result) -> list[CauseRow]:
    """Return the rows on why memory grows."""
    return rows_of(result_statements(result))
