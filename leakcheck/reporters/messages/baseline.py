"""A run compared with its baseline, in sentences."""

from collections.abc import Iterator, Sequence

from leakcheck.model.baseline import BaselineChange
from leakcheck.model.plain_text import escape_control
from leakcheck.model.result import Result
from leakcheck.model.run import Run
from leakcheck.model.tolerance import NOISE, ChangeVerdict
from leakcheck.model.units import format_difference, format_size, format_size_beside
from leakcheck.model.verdict import Gate
from leakcheck.reporters.messages.commands import update_command


def change_sentences(result: Result) -> Iterator[str]:
    """Yield a sentence for each accepted figure that changed or that is over its budget; none for the others."""
    for change in result.baseline_changes:
        clauses = [clause for clause in (_difference(change, result), _excuse(change, result)) if clause]
        if clauses:
            yield f"{'; '.join(clauses)}."


def is_excused(result: Result) -> bool:
    """Return whether a result is over a budget, and the baseline accepts that."""
    return any(_excuse(change, result) for change in result.baseline_changes)


def change_text(change: BaselineChange) -> str:
    """Return a metric's accepted and measured figure for a cell (`growth 1.00 KiB → 64.0 KiB, worse`)."""
    figures = f"{escape_control(change.metric)} {format_size(change.before)} → {format_size(change.after)}"
    if change.gate is Gate.OVER:
        return f"{figures}, worse"
    return f"{figures}, better" if change.better else figures


def new_sentences(run: Run) -> Iterator[str]:
    """Yield which scenarios the baseline does not have yet."""
    if new := [result for result in run.results if run.baseline is not None and result.is_new]:
        yield (
            f"NEW, not in {escape_control(run.baseline or '')}, and held to "
            f"{'its budget' if len(new) == 1 else 'their budgets'} alone: "
            f"{_names(new)}. Accept with: {_update_command(new, run)}"
        )


def better_sentences(run: Run) -> Iterator[str]:
    """Yield which scenarios are better than the baseline says."""
    better = [result for result in run.results if any(change.better for change in result.baseline_changes)]
    if better and run.baseline is not None:
        command = _update_command(better, run)
        yield f"Better than {escape_control(run.baseline)} says: {_names(better)}. Tighten it with: {command}"


def missing_sentences(run: Run) -> Iterator[str]:
    """Yield which scenarios the baseline has, and the targets have no longer."""
    if run.missing_scenarios and run.baseline is not None:
        missing = ", ".join(map(escape_control, run.missing_scenarios))
        yield (
            f"No longer there, though {escape_control(run.baseline)} has them: {missing}. "
            "If that is intended, leakcheck baseline update with the same targets removes them."
        )


def is_notable(change: BaselineChange) -> bool:
    """Return whether a figure changed by more than two runs of the same program differ."""
    return NOISE.is_exceeded(change.before, change.after)


def _difference(change: BaselineChange, result: Result) -> str:
    if change.gate is Gate.WITHIN and not change.better and not is_notable(change):
        return ""
    figure, allowed = f"{_figure(change)}, {_distance(change)}", escape_control(change.tolerance)
    if change.gate is Gate.OVER:
        return f"{figure}: worse{f' by more than {allowed}' if allowed else ''}"
    low, high = format_size(change.low), format_size(change.high)
    if change.gate is Gate.INCONCLUSIVE:
        return f"{figure}: between {low} and {high}, which includes what {allowed} allows; raise --time"
    if change.better:
        return f"{figure}: better by more than {allowed}"
    but = ", but over the budget, which the accepted figure keeps" if change.metric in result.over_budget else ""
    if change.verdict is ChangeVerdict.NOT_WORSE:
        return f"{figure}: perhaps better by more than {allowed}: between {low} and {high}{but}"
    return f"{figure}: within {allowed}{but}"


def _distance(change: BaselineChange) -> str:
    """Return how far a figure is from the accepted one ("+3.1 % over the accepted 140 MiB")."""
    accepted = format_size_beside(change.before, change.after)
    difference = format_difference(change.after, change.before).removeprefix("-")
    side = "over " if change.after > change.before else "under "
    return f"{difference} {side if 'times' not in difference else ''}the accepted {accepted}"


def _figure(change: BaselineChange) -> str:
    after = format_size_beside(change.after, change.before)
    return f"growth is {after} per 1000 calls" if change.metric == "growth" else f"one call peaks at {after}"


def _excuse(change: BaselineChange, result: Result) -> str:
    is_growth = change.metric == "growth"
    budget = result.budget.growth_bytes_per_1000_calls if is_growth else result.budget.peak_bytes
    if change.gate is not Gate.WITHIN or not change.is_excused or budget is None or change.low <= budget:
        return ""
    reason = f" ({escape_control(change.reason)})" if change.reason else ""
    return f"its {change.metric} is over the budget of {format_size(budget)}, as accepted in the baseline{reason}"


def _names(results: Sequence[Result]) -> str:
    return ", ".join(escape_control(result.id) for result in results)


def _update_command(results: Sequence[Result], run: Run) -> str:
    # by target, because -k would also select every scenario whose name contains one of these
    targets = (
        result.target + ("" if result.variant is None or "::" not in result.target else f"[{result.variant}]")
        for result in results
    )
    return update_command(targets, run.command)
