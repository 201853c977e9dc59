"""The tables of `accuracy.py`: an arm a row, and what they come to."""

from collections.abc import Sequence
from dataclasses import dataclass

from arms import Arm, Mark, Outcome
from rich.console import Console
from rich.markup import escape
from rich.table import Table

RATE_TOLERANCE_PERCENT = 5.0
INCONCLUSIVE_SHARE = 0.1
_STYLES = {
    Mark.RIGHT: "green",
    Mark.INCONCLUSIVE: "yellow",
    Mark.LEFT_OUT: "dim",
    Mark.MISSED: "bold red",
    Mark.FALSE_ALARM: "bold red",
    Mark.FAILED: "bold red",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The counts; `good` says whether they are what the project promises."""

    arms: int
    """Arms that were run; those left out are not among them."""
    leaks: int
    leaks_found: int
    not_leaks: int
    false_alarms: int
    inconclusive: int
    failed: int
    left_out: int
    worst_error_percent: float
    worst_error_arm: str
    rates_off: int
    culprits: int
    """Leaks that were found and whose culprit is known."""
    named: int
    blamed_clean: int
    """Clean arms of which something was blamed; where a limit was found, it is no blame."""
    least_explained: float
    least_explained_arm: str
    good: bool


def summary(outcomes: Sequence[Outcome]) -> Summary:
    """Return what the outcomes come to."""
    run = [outcome for outcome in outcomes if outcome.mark is not Mark.LEFT_OUT]
    leaks = [outcome for outcome in run if outcome.arm.truth == "leak"]
    rates = [(abs(outcome.error_percent), outcome.arm) for outcome in run if outcome.error_percent is not None]
    worst, arm = max(rates, key=lambda rate: rate[0], default=(0.0, None))
    known = [outcome for outcome in leaks if outcome.named is not None and outcome.mark is Mark.RIGHT]
    shares = [(one.explained_fraction, one.arm) for one in leaks if one.explained_fraction is not None]
    least, dim = min(shares, key=lambda share: share[0], default=(0.0, None))
    off = sum(error > RATE_TOLERANCE_PERCENT for error, _ in rates)
    count = {mark: sum(outcome.mark is mark for outcome in outcomes) for mark in Mark}
    broken = count[Mark.MISSED] + count[Mark.FALSE_ALARM] + count[Mark.FAILED] + off
    return Summary(
        arms=len(run),
        leaks=len(leaks),
        leaks_found=sum(outcome.mark is Mark.RIGHT for outcome in leaks),
        not_leaks=len(run) - len(leaks),
        false_alarms=count[Mark.FALSE_ALARM],
        inconclusive=count[Mark.INCONCLUSIVE],
        failed=count[Mark.FAILED],
        left_out=count[Mark.LEFT_OUT],
        worst_error_percent=worst,
        worst_error_arm="" if arm is None else f"{arm.case} {arm.name}",
        rates_off=off,
        culprits=len(known),
        named=sum(outcome.named is True for outcome in known),
        blamed_clean=sum(one.blamed > 0 and one.verdict != "bounded" for one in run if one.arm.truth == "clean"),
        least_explained=least,
        least_explained_arm="" if dim is None else f"{dim.case} {dim.name}",
        # where nothing ran, nothing is shown to be right
        good=bool(run) and not broken and count[Mark.INCONCLUSIVE] <= INCONCLUSIVE_SHARE * len(run),
    )


def print_outcomes(outcomes: Sequence[Outcome], console: Console) -> None:
    """Print an arm a row."""
    table = Table(box=None, pad_edge=False)
    for heading in ("case", "arm", "truth", "verdict", ""):
        table.add_column(heading, no_wrap=True)
    for heading in ("growth B/call", "known", "error", "calls", "s", "explained"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("named", no_wrap=True)
    table.add_column("remark", no_wrap=True)
    for outcome in outcomes:
        style = _STYLES[outcome.mark]
        meter = " rss" if outcome.meter == "rss" else ""
        table.add_row(
            outcome.arm.case,
            outcome.arm.name,
            outcome.arm.truth,
            outcome.verdict or "-",
            f"[{style}]{outcome.mark}[/]",
            "-" if outcome.growth_bytes_per_call is None else f"{outcome.growth_bytes_per_call:,.1f}{meter}",
            _known(outcome.arm),
            _error(outcome.error_percent),
            "-" if outcome.calls is None else f"{outcome.calls:,}",
            "-" if outcome.seconds is None else f"{outcome.seconds:.1f}",
            "-" if outcome.explained_fraction is None else f"{outcome.explained_fraction:.0%}",
            {True: "[green]yes[/]", False: "[bold red]no[/]", None: ""}[outcome.named],
            escape(outcome.remark[:60]),
        )
    console.print(table)


def print_summary(totals: Summary, console: Console) -> None:
    """Print what the outcomes come to, in a few lines."""
    worst = f"{totals.worst_error_percent:.1f} % ({totals.worst_error_arm})" if totals.worst_error_arm else "none"
    console.print(
        f"\nleaks found {totals.leaks_found}/{totals.leaks} · false alarms {totals.false_alarms}/{totals.not_leaks} · "
        f"inconclusive {totals.inconclusive}/{totals.arms} · failed {totals.failed} · left out {totals.left_out}\n"
        f"worst rate error {worst}; {totals.rates_off} over {RATE_TOLERANCE_PERCENT:.0f} %\n"
        f"culprits named {totals.named}/{totals.culprits} · clean arms blamed {totals.blamed_clean} · "
        f"least explained {totals.least_explained:.0%} ({totals.least_explained_arm})\n"
        f"{'[green]as promised[/]' if totals.good else '[bold red]not as promised[/]'}",
        highlight=False,
    )


def _known(arm: Arm) -> str:
    if arm.low_bytes_per_call is None or arm.high_bytes_per_call is None:
        return "-"
    if arm.low_bytes_per_call == arm.high_bytes_per_call:
        return f"{arm.low_bytes_per_call:,.1f}"
    return f"{arm.low_bytes_per_call:,.0f}-{arm.high_bytes_per_call:,.0f}"


def _error(error_percent: float | None) -> str:
    if error_percent is None:
        return "-"
    text = f"{error_percent:+.1f} %"
    return f"[bold red]{text}[/]" if abs(error_percent) > RATE_TOLERANCE_PERCENT else text
