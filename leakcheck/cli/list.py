"""`leakcheck list`: the scenarios that would be measured, and their budgets."""

import typer

from leakcheck.cli.options import Expression, Python, Targets, id_filter


def list_scenarios(targets: Targets, expression: Expression = None, python: Python = None) -> None:
    """List the scenarios of a target with their budgets and options.

    [bold]Examples[/bold]

      leakcheck list scenarios

      leakcheck list scenarios/newsletter -k iterator
    """
    from rich.text import Text

    from leakcheck.cli.console import make_console
    from leakcheck.config.settings import resolve
    from leakcheck.config.sources import SettingsLayer
    from leakcheck.model.answers import ScenarioInfo
    from leakcheck.model.plain_text import escape_control
    from leakcheck.reporters.messages.cells import budget_text
    from leakcheck.reporters.terminal import table_of
    from leakcheck.runner import session
    from leakcheck.runner.collect import collect
    from leakcheck.scenario import parse_targets

    settings = resolve(SettingsLayer(python=python))
    collection = collect(parse_targets(targets), settings, matches=id_filter(expression))
    console = make_console()
    table = table_of("scenario", "budget", "options", "description")

    def options(scenario: ScenarioInfo) -> str:
        growth, peak = scenario.growth_options, scenario.peak_options
        return ", ".join(
            name + (f"={growth[name]}" if name in growth else "") + (f" (peak {peak[name]})" if name in peak else "")
            for name in scenario.option_names or ()
        )

    for scenario in collection.scenarios:
        row = (scenario.id, budget_text(settings.budget(scenario)), options(scenario), scenario.description)
        table.add_row(*(Text(escape_control(cell)) for cell in row))
    if collection.scenarios:
        console.print(table)
    for failed in collection.failed:
        assert failed.failure is not None
        console.print(Text(escape_control(f"{failed.id}: {failed.failure.message}"), style="bold red"))
    if collection.failed:
        raise typer.Exit(session.exit_code(collection.failed))
