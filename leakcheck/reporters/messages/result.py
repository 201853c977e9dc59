"""All that is said of a result, composed once: statements, each of one kind, that every reporter prints."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import groupby

from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate
from leakcheck.reporters.messages.answers import password_sentences, response_sentences, status_sentences
from leakcheck.reporters.messages.baseline import change_sentences
from leakcheck.reporters.messages.causes import (
    CauseRow,
    advice_sentences,
    allocation_rows,
    coverage_rows,
    fingerprint_rows,
    known_leak_sentences,
    note_sentences,
    peak_rows,
    retention_rows,
)
from leakcheck.reporters.messages.cells import gate_text
from leakcheck.reporters.messages.memory_limit import memory_limit_sentences
from leakcheck.reporters.messages.resources import children_sentences, resource_sentences
from leakcheck.reporters.messages.verdict import (
    budget_sentences,
    failure_sentences,
    missing_meter_sentences,
    page_sentences,
    peak_failure_sentences,
    skipped_peak_sentences,
    verdict_sentences,
)

WORST_FIRST = (Gate.ERROR, Gate.OVER, Gate.INCONCLUSIVE, Gate.WITHIN)
_MOST_DETAIL_LINES = 12
_WIDEST_COLUMN = 60


class ResultFact(Enum):
    """The kinds of statements about a result."""

    FAILURE = auto()
    VERDICT = auto()
    BUDGET = auto()
    PAGES = auto()
    CHILDREN = auto()
    PEAK_FAILURE = auto()
    BASELINE_CHANGE = auto()
    RESOURCE = auto()
    MEMORY_LIMIT = auto()
    RESPONSE = auto()
    STATUS = auto()
    """The status of all responses; a table has a column for it."""
    PASSWORDS = auto()
    PEAK_SITE = auto()
    ALLOCATION = auto()
    RETENTION = auto()
    COVERAGE = auto()
    FINGERPRINT = auto()
    ADVICE = auto()
    NOTE = auto()
    KNOWN_LEAK = auto()
    PEAK_SKIPPED = auto()
    MISSING_METER = auto()
    DETAILS = auto()
    """The end of a traceback, or of a process's output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultStatement:
    """One thing that is said of a result: a sentence to follow its name, a row of causes, or a line of details."""

    kind: ResultFact
    name: str
    """The result's id."""
    text: str
    row: CauseRow | None = None

    @property
    def form(self) -> str:
        """Whether it is a sentence, one of several rows to align, or a line of details."""
        return "row" if self.row is not None else "detail" if self.kind is ResultFact.DETAILS else "sentence"

    @property
    def capitalized(self) -> str:
        """The sentence without the name."""
        return f"{self.text[:1].upper()}{self.text[1:]}"

    @property
    def sentence(self) -> str:
        """The sentence with the result's name (`newsletter[naive]: one call peaks at 93.1 MiB; …`)."""
        return f"{self.name}: {self.text}"


def _details(result: Result) -> Iterator[str]:
    failure = result.failure or result.peak_failure
    details = "" if failure is None else failure.details
    yield from escape_control(details, keep_lines=True).splitlines()[-_MOST_DETAIL_LINES:]


_COMPOSED: Mapping[ResultFact, Callable[[Result], Iterable[str | CauseRow]]] = {
    ResultFact.FAILURE: failure_sentences,
    ResultFact.VERDICT: verdict_sentences,
    ResultFact.BUDGET: budget_sentences,
    ResultFact.PAGES: page_sentences,
    ResultFact.CHILDREN: children_sentences,
    ResultFact.PEAK_FAILURE: peak_failure_sentences,
    ResultFact.BASELINE_CHANGE: change_sentences,
    ResultFact.RESOURCE: resource_sentences,
    ResultFact.MEMORY_LIMIT: memory_limit_sentences,
    ResultFact.RESPONSE: response_sentences,
    ResultFact.STATUS: status_sentences,
    ResultFact.PASSWORDS: password_sentences,
    ResultFact.PEAK_SITE: peak_rows,
    ResultFact.ALLOCATION: allocation_rows,
    ResultFact.RETENTION: retention_rows,
    ResultFact.COVERAGE: coverage_rows,
    ResultFact.FINGERPRINT: fingerprint_rows,
    ResultFact.ADVICE: advice_sentences,
    ResultFact.NOTE: note_sentences,
    ResultFact.KNOWN_LEAK: known_leak_sentences,
    ResultFact.PEAK_SKIPPED: skipped_peak_sentences,
    ResultFact.MISSING_METER: missing_meter_sentences,
    ResultFact.DETAILS: _details,
}
"""What composes the statements of each kind, in the order in which they are printed."""

REASONS = tuple(_COMPOSED)[: tuple(_COMPOSED).index(ResultFact.RESPONSE)]
"""The kinds that say why a result does not pass."""


def result_statements(result: Result, left_out: Collection[Enum] = ()) -> list[ResultStatement]:
    """Return all that is said of a result, without the kinds that are left out.

    A result that does not pass has at least one statement, and the first one says why.
    """
    statements = [_statement(kind, result, part) for kind, compose in _COMPOSED.items() for part in compose(result)]
    if result.gate is not Gate.WITHIN and not any(statement.kind in REASONS for statement in statements):
        statements.insert(0, _statement(ResultFact.VERDICT, result, f"{gate_text(result)}."))
    return [statement for statement in statements if statement.kind not in left_out]


def _statement(kind: ResultFact, result: Result, part: str | CauseRow) -> ResultStatement:
    row = part if isinstance(part, CauseRow) else None
    text = part if isinstance(part, str) else " ".join(filter(None, (part.label, part.where.strip(), part.what)))
    # escaped again, in case a sentence forgot to
    return ResultStatement(kind=kind, name=escape_control(result.id), text=escape_control(text), row=row)


def lines_of(statements: Iterable[ResultStatement]) -> list[str]:
    """Return statements as lines of plain text: sentences with the name, aligned rows, indented details."""
    lines: list[str] = []
    for form, group in groupby(statements, key=lambda statement: statement.form):
        parts = list(group)
        if form == "row":
            lines += align_rows(rows_of(parts))
        else:
            lines += [f"    {part.text}" if form == "detail" else part.sentence for part in parts]
    return lines


def rows_of(statements: Iterable[ResultStatement]) -> list[CauseRow]:
    """Return the rows among the statements."""
    return [statement.row for statement in statements if statement.row is not None]


def align_rows(rows: Sequence[CauseRow]) -> list[str]:
    """Return rows as lines with aligned columns, where one long place does not push the others far out."""
    labels = max((len(row.label) for row in rows), default=0)
    places = min(_WIDEST_COLUMN, max((len(row.where) for row in rows), default=0))
    return [escape_control(f"  {row.label:<{labels}}  {row.where:<{places}}  {row.what}".rstrip()) for row in rows]


def headline(result: Result) -> str:
    """Return the gate in one line (`newsletter[retained]: FAIL growth, peak`)."""
    return f"{escape_control(result.id)}: {gate_text(result)}"


def worst_first(results: Iterable[Result]) -> list[Result]:
    """Return the results ordered by gate, as exit codes are; within a gate the furthest over budget first."""
    return sorted(results, key=lambda result: (WORST_FIRST.index(result.gate), -budget_ratio(result)))


def budget_ratio(result: Result) -> float:
    """Return how many times the worst of the exceeded budgets is used; 0 where none is exceeded."""
    exceeded = [
        (resource.per_1000_calls, resource.budget_per_1000_calls)
        for resource in result.resources
        if resource.gate is Gate.OVER
    ]
    exceeded += [(change.after, change.before) for change in result.baseline_changes if change.gate is Gate.OVER]
    if result.growth is not None and "growth" in result.over_budget:
        exceeded.append((result.growth.bytes_per_1000_calls, result.budget.growth_bytes_per_1000_calls))
    if result.peak_bytes is not None and result.budget.peak_bytes is not None and "peak" in result.over_budget:
        exceeded.append((result.peak_bytes, result.budget.peak_bytes))
    return max((used / max(allowed, 1.0) for used, allowed in exceeded), default=0.0)
