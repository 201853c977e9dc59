"""All that is said of a result, composed once: statements, each of one kind, that every reporter prints."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import groupby

from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.verdict import Gate
from leakcheck.reporters.messages import answers, baseline, causes, memory_limit, resources, verdict
from leakcheck.reporters.messages.causes import CauseRow
from leakcheck.reporters.messages.cells import gate_text

WORST_FIRST = (Gate.ERROR, Gate.OVER, Gate.INCONCLUSIVE, Gate.WITHIN)
_MOST_DETAIL_LINES = 12
_WIDEST_COLUMN = 60


def _details(result: Result) -> Iterator[str]:
    failure = result.failure or result.peak_failure
    details = "" if failure is None else failure.details
    yield from escape_control(details, keep_lines=True).splitlines()[-_MOST_DETAIL_LINES:]


class ResultFact(Enum):
    """The kinds of statements about a result, in the order in which they are printed, with what composes them."""

    FAILURE = (verdict.failure_sentences,)
    VERDICT = (verdict.verdict_sentences,)
    BUDGET = (verdict.budget_sentences,)
    PAGES = (verdict.page_sentences,)
    CHILDREN = (resources.children_sentences,)
    PEAK_FAILURE = (verdict.peak_failure_sentences,)
    BASELINE_CHANGE = (baseline.change_sentences,)
    RESOURCE = (resources.resource_sentences,)
    MEMORY_LIMIT = (memory_limit.memory_limit_sentences,)
    RESPONSE = (answers.response_sentences,)
    STATUS = (answers.status_sentences,)
    """The status of all responses; a table has a column for it."""
    PASSWORDS = (answers.password_sentences,)
    PEAK_SITE = (causes.peak_rows,)
    ALLOCATION = (causes.allocation_rows,)
    RETENTION = (causes.retention_rows,)
    COVERAGE = (causes.coverage_rows,)
    FINGERPRINT = (causes.fingerprint_rows,)
    ADVICE = (causes.advice_sentences,)
    NOTE = (causes.note_sentences,)
    STABLE_CHILDREN = (resources.stable_children_sentences,)
    KNOWN_LEAK = (causes.known_leak_sentences,)
    PEAK_SKIPPED = (verdict.skipped_peak_sentences,)
    MISSING_METER = (verdict.missing_meter_sentences,)
    DETAILS = (_details,)
    """The end of a traceback, or of a process's output."""

    def __init__(self, compose: Callable[[Result], Iterable[str | CauseRow]]) -> None:
        self.compose = compose


REASONS = tuple(ResultFact)[: tuple(ResultFact).index(ResultFact.RESPONSE)]
"""The kinds that say why a result does not pass."""

TABLE_OF_A_RUN: Mapping[Enum, str] = {
    ResultFact.STATUS: "the table has a column for it",
    ResultFact.PEAK_SKIPPED: "said once for the run",
    ResultFact.MISSING_METER: "said once for the run",
}
"""What a report with a table of a whole run does not say of each result, and why."""


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


def result_statements(result: Result, left_out: Collection[Enum] = ()) -> list[ResultStatement]:
    """Return all that is said of a result, without the kinds that are left out.

    A result that does not pass has at least one statement, and the first one says why.
    """
    statements = [_statement(kind, result, part) for kind in ResultFact for part in kind.compose(result)]
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
