"""The options that several verbs share: each is spelt once."""

from dataclasses import dataclass
from typing import Annotated

import typer

Targets = Annotated[
    list[str],
    typer.Argument(
        metavar="TARGET", help="FOLDER, FILE.py, FILE.py::NAME, FILE.py::NAME\\[VARIANT] or package.module:callable."
    ),
]
Expression = Annotated[
    str | None, typer.Option("-k", metavar="EXPR", help="Only what matches: words of the id with and, or, not.")
]
Python = Annotated[
    str | None, typer.Option(metavar="PATH", help="Measure in that interpreter; it needs nothing of ours.")
]
Executor = Annotated[
    str | None,
    typer.Option(
        "--executor",
        metavar="EXECUTOR",
        help="Who measures: this machine, or a cluster as in dask:tcp://HOST:8786. \\[default: local]",
    ),
]
Options = Annotated[
    list[str] | None,
    typer.Option("-o", metavar="NAME=VALUE", help="An option of the scenario; peak.NAME=VALUE for one pass."),
]
BaselineFile = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="The accepted figures. \\[default: leakcheck-baseline.json beside pyproject]"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineOptions:
    """The options of every verb that compares with the baseline."""

    baseline: BaselineFile = None
    change: Annotated[
        str | None,
        typer.Option(metavar="CHANGE", help="What may change: both parts count. \\[default: +5 % and +16 KiB]"),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionalBaselineOptions:
    """The options of verbs that compare with the baseline where they are told one."""

    baseline: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Compare with the accepted figures in it, as leakcheck check does."),
    ] = None
    change: Annotated[
        str | None,
        typer.Option(metavar="CHANGE", help="With --baseline: what may change. \\[default: +5 % and +16 KiB]"),
    ] = None

    @property
    def against(self) -> BaselineOptions:
        """Return the same as options of a verb that always compares."""
        return BaselineOptions(baseline=self.baseline, change=self.change)
