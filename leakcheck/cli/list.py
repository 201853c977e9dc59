"""`leakcheck list`: what would run, and what it would be held to."""

import typer

from leakcheck.cli.options import Expression, Python, Targets


def list_scenarios(targets: Targets, expression: Expression = None, python: Python = None) -> None:
    """Show the scenarios that a target holds, with their budgets and options, and measure nothing.

    [bold]Examples[/bold]

      leakcheck list scenarios

      leakcheck list scenarios/newsletter -k iterator
    """
    from rich.table import Table
    from rich.text import Text

    from leakcheck.cli.console import make_console
    from leakcheck.config.expressions import parse_expression
    from leakcheck.config.settings import resolve
    from leakcheck.config.sources import SettingsLayer
    from leakcheck.model.answers import ScenarioInfo
    from leakcheck.model.plain_text import plain
    from leakcheck.model.units import format_growth, format_size
    from leakcheck.runner import session
    from leakcheck.runner.collect import find
    from leakcheck.scenario import parse_targets

    settings = resolve(SettingsLayer(python=python))
    matches = parse_expression(expression) if expression is not None else lambda name: True
    found = find(parse_targets(targets), settings, matches=matches)
    console = make_console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for header in ("scenario", "budget", "options", "what it shows"):
        table.add_column(header, overflow="fold")

    def options(scenario: ScenarioInfo) -> str:
        for_growth, for_peak = scenario.growth_options, scenario.peak_options
        return ", ".join(
            name
            + (f"={for_growth[name]}" if name in for_growth else "")
            + (f" (peak {for_peak[name]})" if name in for_peak else "")
            for name in scenario.option_names or ()
        )

    for scenario in found.scenarios:
        budget = settings.budget(scenario)
        words = format_growth(budget.growth_bytes_per_1000_calls)
        words += "" if budget.peak_bytes is None else f", peak {format_size(budget.peak_bytes)}"
        row = (scenario.id, words, options(scenario), scenario.lesson)
        table.add_row(*(Text(plain(cell)) for cell in row))
    if found.scenarios:
        console.print(table)
    for failed in found.failed:
        assert failed.trouble is not None
        console.print(Text(plain(f"{failed.id}: {failed.trouble.message}"), style="bold red"))
    if found.failed:
        raise typer.Exit(session.exit_code(found.failed))
