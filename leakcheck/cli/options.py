"""Options and arguments that several commands share, and the panels of --help that they are listed in."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

# --help lays out each panel by itself: in one for all options the longest flag would leave no room for the texts
budget_option = partial(typer.Option, rich_help_panel="Budgets")
measurement_option = partial(typer.Option, rich_help_panel="Measurement")
shard_option = partial(typer.Option, rich_help_panel="Shards")
output_option = partial(typer.Option, rich_help_panel="Output")

Targets = Annotated[
    list[str],
    typer.Argument(
        metavar="TARGET",
        help="What to measure: FOLDER, FILE.py, FILE.py::NAME, FILE.py::NAME\\[VARIANT] or package.module:callable.",
    ),
]
SavedRun = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a saved run, or its run.json.")]
Expression = Annotated[
    str | None,
    typer.Option(
        "-k", metavar="EXPR", help='Select scenarios by expression, e.g. "naive and not slow" (as pytest -k).'
    ),
]
Options = Annotated[
    list[str] | None,
    typer.Option(
        "-o",
        metavar="NAME=VALUE",
        help="Set a scenario option; repeatable. peak.NAME=VALUE sets it for that pass only.",
    ),
]
Python = Annotated[
    str | None,
    typer.Option(metavar="PATH", help="Measure with this interpreter. leakcheck need not be installed in it."),
]
Setup = Annotated[
    str | None, typer.Option(metavar="MODULE:CALLABLE", help="Call this once before the target is set up.")
]
Executor = Annotated[
    str | None,
    typer.Option(
        metavar="EXECUTOR", help="Where to run: local, or a Dask scheduler (dask:tcp://HOST:8786). \\[default: local]"
    ),
]
RunsFolder = Annotated[str | None, typer.Option(metavar="DIR", help="Folder for saved runs. \\[default: reports]")]
BaselineFile = Annotated[
    str | None,
    budget_option(
        metavar="FILE", help="The baseline file. \\[default: leakcheck-baseline.json, beside pyproject.toml]"
    ),
]
Change = Annotated[
    str | None,
    budget_option(metavar="CHANGE", help="Tolerance; both parts must be exceeded. \\[default: +5 % and +16 KiB]"),
]
AllowInconclusive = Annotated[
    bool | None, budget_option("--allow-inconclusive", help="Exit 0 when a result is inconclusive.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineOptions:
    """The options of a command that always compares with the baseline."""

    baseline: BaselineFile = None
    change: Change = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionalBaselineOptions(BaselineOptions):
    """The options of a command that compares with a baseline only when one is given."""

    baseline: Annotated[
        str | None, budget_option(metavar="FILE", help="Also compare with this baseline, as leakcheck check does.")
    ] = None
    change: Annotated[
        str | None,
        budget_option(
            metavar="CHANGE",
            help="With --baseline: tolerance; both parts must be exceeded. \\[default: +5 % and +16 KiB]",
        ),
    ] = None


def id_filter(expression: str | None) -> Callable[[str], bool]:
    """Return the function that -k selects scenarios with; without an expression it selects all. Raises UsageError."""
    if expression is None:
        return lambda name: True
    from leakcheck.config.expressions import parse_expression

    return parse_expression(expression)


def flatten_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return the command with each parameter whose type is a dataclass replaced by the fields of that class.

    Typer reads a function's signature: the returned function has the fields in it, and builds the dataclasses when
    it is called.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name in groups:
            parameters += _fields_of(groups[name])
        else:
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(parameter.replace(annotation=hints[name], kind=kind))

    @wraps(command)
    def flattened(**options: Any) -> None:
        built = {
            name: group(**{field.name: options.pop(field.name) for field in fields(group)})  # type: ignore[operator]
            for name, group in groups.items()
        }
        command(**built, **options)

    flattened.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flattened.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flattened


def _fields_of(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [_parameter(field, hints[field.name]) for field in fields(group)]


def _parameter(field: "Field[Any]", hint: Any) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.default is MISSING else field.default
    if field.default_factory is not MISSING:
        default = field.default_factory()
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=hint)
