"""`leakcheck list`: the scenarios that would be measured, and their budgets."""

import typer

from leakcheck.cli.options import Expression, Python, Targets, id_filter


def list_scenarios(targets: Targets, expression: Expression = None, python: Python = None) -> None:
    """List the scenarios of a target with their budgets and options.

    [bold]Examples[/bold]

      leakcheck list scenarios

      leakcheck list scenarios/newsletter -k iterator
    """
    from rich.table import Table
    from rich.text import Text

    from leakcheck.cli.console import make_console
    from leakcheck.config.settings import resolve
    from leakcheck.config.sources import SettingsLayer
    from leakcheck.model.answers import ScenarioInfo
    from leakcheck.model.plain_text import escape_control
    from leakcheck.model.units import format_growth, format_size
    from leakcheck.runner import session
    from leakcheck.runner.collect import collect
    from leakcheck.scenario import parse_targets

    settings = resolve(SettingsLayer(python=python))
    collection = collect(parse_targets(targets), settings, matches=id_filter(expression))
    console = make_console()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for header in ("scenario", "budget", "options", "description"):
        table.add_column(header, overflow="fold")

    def options(scenario: ScenarioInfo) -> str:
        growth, peak = scenario.growth_options, scenario.peak_options
        return ", ".join(
            name + (f"={growth[name]}" if name in growth else "") + (f" (peak {peak[name]})" if name in peak else "")
            for name in scenario.option_names or ()
        )

    for scenario in collection.scenarios:
        budget = settings.budget(scenario)
        budgets = format_growth(budget.growth_bytes_per_1000_calls)
        budgets += "" if budget.peak_bytes is None else f", peak {format_size(budget.peak_bytes)}"
        row = (scenario.id, budgets, options(scenario), scenario.description)
        table.add_row(*(Text(escape_control(cell)) for cell in row))
    if collection.scenarios:
        console.print(table)
    for failed in collection.failed:
        assert failed.failure is not None
        console.print(Text(escape_control(f"{failed.id}: {failed.failure.message}"), style="bold red"))
    if collection.failed:
        raise typer.Exit(session.exit_code(collection.failed))
