"""What every verb that measures can be told, and the request that it makes of it."""

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from leakcheck.cli.options import BaselineOptions, Executor, Expression, Options, Python, Targets
from leakcheck.cli.request_options import DjangoRequestOptions
from leakcheck.config.values import parse_options
from leakcheck.model.explanation import Explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from leakcheck.model.protocol import OptionValue
    from leakcheck.runner.session import RunRequest
    from leakcheck.scenario import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureOptions:
    """The options of every verb that measures, whatever it calls its targets."""

    expression: Expression = None
    option: Options = None
    database: Annotated[
        str | None,
        typer.Option(metavar="DATABASE", help="Short for -o database=…, for scenarios that run on several databases."),
    ] = None
    growth: Annotated[
        str | None, typer.Option(metavar="GROWTH", help="Growth budget for all, like '64 KiB / 1000 calls'.")
    ] = None
    peak: Annotated[str | None, typer.Option(metavar="SIZE", help="Peak budget for all, like '10 MiB'.")] = None
    calls: Annotated[int | None, typer.Option(metavar="N", help="Replay no more than N calls of each variant.")] = None
    time: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Follow each variant no longer than this. \\[default: 60]")
    ] = None
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="A call that takes longer hangs. \\[default: 60]")
    ] = None
    max_memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="End a process that takes more. \\[default: 80 % of what is free]"),
    ] = None
    memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="What it has where it is deployed: say when a leak uses that up."),
    ] = None
    jobs: Annotated[
        str | None,
        typer.Option(
            "--jobs",
            "-j",
            metavar="N|auto",
            help="Measure N side by side, as cores and memory allow; latencies then share the machine. \\[default: 1]",
        ),
    ] = None
    executor: Executor = None
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Measure the I-th of N parts that take about as long; see leakcheck merge."),
    ] = None
    durations: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="How long each takes, to split by; or a saved run. \\[default: leakcheck-durations.json, if there]",
        ),
    ] = None
    python: Python = None
    setup: Annotated[
        str | None, typer.Option(metavar="MODULE:CALLABLE", help="Run this once before the target is set up.")
    ] = None
    measure_peak: Annotated[
        bool, typer.Option("--peak-pass/--no-peak", help="Trace one call for its peak; --no-peak leaves it out.")
    ] = True
    explain: Annotated[
        Explain | None,
        typer.Option(
            "--explain",
            help="Say why it grows: where memory grew or went over budget, always, never. \\[default: auto]",
        ),
    ] = None
    output: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where the runs' folders are made. \\[default: reports]")
    ] = None
    allow_inconclusive: Annotated[
        bool | None, typer.Option("--allow-inconclusive", help="End with 0 where nothing can be said.")
    ] = None

    def request_for(self, targets: "Sequence[Target]", against: BaselineOptions | None = None) -> "RunRequest":
        """Return what is to be measured, and what the baseline's options say.

        Raises UsageError or ConfigError for what cannot be understood.
        """
        # heavy imports wait until there is something to measure, so that help and mistakes are answered at once
        from leakcheck.config.expressions import parse_expression
        from leakcheck.config.settings import resolve
        from leakcheck.config.sources import SettingsLayer
        from leakcheck.runner import session
        from leakcheck.scenario import without_password

        settings = resolve(
            SettingsLayer(
                growth=self.growth,
                peak=self.peak,
                calls=self.calls,
                time=self.time,
                timeout=self.timeout,
                max_memory=self.max_memory,
                memory=self.memory,
                jobs=self.jobs,
                executor=self.executor,
                shard=self.shard,
                durations=self.durations,
                python=self.python,
                output=self.output,
                explain=self.explain,
                allow_inconclusive=self.allow_inconclusive,
                baseline=None if against is None else against.baseline,
                change=None if against is None else against.change,
            )
        )
        samples = _samples(targets)
        return session.RunRequest(
            targets=targets,
            settings=settings,
            matches=parse_expression(self.expression) if self.expression is not None else lambda name: True,
            options=samples
            | parse_options(self.option)
            | ({} if self.database is None else {"database": self.database}),
            setup=self.setup,
            measure_peak=self.measure_peak,
            command=("leakcheck", *map(without_password, sys.argv[1:])),
        )


def _samples(targets: "Sequence[Target]") -> "dict[str, OptionValue]":
    """Return the samples of arguments, as an option of requests, where all URLs of a Django project are asked for."""
    import json

    from leakcheck.config.settings import sample_arguments
    from leakcheck.scenario import DJANGO

    if not any(one.module == DJANGO and request.endswith(":*") for one in targets for request in one.requests):
        return {}
    samples = sample_arguments()
    return {"arguments": json.dumps(samples)} if samples else {}


_FLAGS = {"fixtures": "--fixture", "protocol": "--asgi", "migrate": "--no-migrate"}
"""The flags that are not called as the option is."""


@dataclass(frozen=True, kw_only=True)
class TargetOptions(MeasureOptions, DjangoRequestOptions):
    """The options of `run`, `check`, `limit` and `baseline update`."""

    targets: Targets

    def request(self, against: BaselineOptions | None = None) -> "RunRequest":
        """Return what is to be measured, as `request_for` does."""
        from leakcheck.model.errors import UsageError
        from leakcheck.scenario import parse_targets

        targets = parse_targets(self.targets)
        request = self.request_for(targets, against)
        requests = [one for target in targets for one in target.requests]
        said = self.options(requests) if requests or self.data is None else {"data": self.data}
        if said and targets and not requests:
            raise UsageError(
                f"{', '.join(_FLAGS.get(name, f'--{name}') for name in said)}: for requests alone, and none is named; "
                "write django:mysite.settings GET:/news/, or package.module:application GET:/"
            )
        return replace(request, options={**said, **request.options})
