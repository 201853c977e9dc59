"""The options of every command that measures, and the request that is made of them."""

import sys
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Annotated

import typer

from leakcheck.cli.options import (
    AllowInconclusive,
    BaselineOptions,
    Executor,
    Expression,
    Options,
    Python,
    Setup,
    Targets,
    budget_option,
    id_filter,
    measurement_option,
    output_option,
    shard_option,
)
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
    """The options of every command that measures, whatever its targets are."""

    expression: Expression = None
    option: Options = None
    database: Annotated[
        str | None,
        typer.Option(
            metavar="DATABASE", help="Short for -o database=DATABASE, for scenarios that support several databases."
        ),
    ] = None
    python: Python = None
    setup: Setup = None
    executor: Executor = None
    growth: Annotated[
        str | None, budget_option(metavar="GROWTH", help="Growth budget of all scenarios, e.g. '64 KiB / 1000 calls'.")
    ] = None
    peak: Annotated[
        str | None,
        budget_option(metavar="SIZE", help="Peak budget of all scenarios, e.g. '10 MiB'."),
    ] = None
    memory: Annotated[
        str | None,
        budget_option(
            metavar="SIZE", help="Production memory limit; estimate after how many calls a leak exhausts it."
        ),
    ] = None
    allow_inconclusive: AllowInconclusive = None
    calls: Annotated[int | None, measurement_option(metavar="N", help="Maximum number of calls per variant.")] = None
    time: Annotated[
        float | None,
        measurement_option(metavar="SECONDS", help="Maximum measuring time per variant, in seconds. \\[default: 60]"),
    ] = None
    timeout: Annotated[
        float | None,
        measurement_option(
            metavar="SECONDS", help="Abort a call that runs longer than this (seconds). \\[default: 60]"
        ),
    ] = None
    max_memory: Annotated[
        str | None,
        measurement_option(
            metavar="SIZE", help="Kill a measured process that exceeds this. \\[default: 80 % of free memory]"
        ),
    ] = None
    jobs: Annotated[
        str | None,
        measurement_option(
            "--jobs",
            "-j",
            metavar="N|auto",
            help="Measure N variants in parallel, as far as cores and memory allow; latencies are then less reliable. "
            "\\[default: 1]",
        ),
    ] = None
    measure_peak: Annotated[
        bool, measurement_option("--peak-pass/--no-peak", help="Trace one call for its peak memory.")
    ] = True
    explain: Annotated[
        Explain | None,
        measurement_option(
            metavar="WHEN",
            help="Explain why memory grows: auto (when it grew or is over budget), always or never. \\[default: auto]",
        ),
    ] = None
    shard: Annotated[
        str | None, shard_option(metavar="I/N", help="Measure shard I of N, balanced by duration; see leakcheck merge.")
    ] = None
    durations: Annotated[
        str | None,
        shard_option(
            metavar="FILE",
            help="Durations file (or a saved run) used to balance shards. "
            "\\[default: leakcheck-durations.json, if present]",
        ),
    ] = None
    output: Annotated[
        str | None,
        output_option(metavar="DIR", help="Folder for saved runs. \\[default: reports]"),
    ] = None

    def request_for(self, targets: "Sequence[Target]", baseline_options: BaselineOptions | None = None) -> "RunRequest":
        """Return the request to measure the targets with these options and those of the baseline.

        Raises UsageError or ConfigError for an option or setting that cannot be used.
        """
        # heavy imports wait until something is measured: --help and usage errors need none of them
        from leakcheck.config.settings import resolve
        from leakcheck.config.sources import SettingsLayer
        from leakcheck.runner import session
        from leakcheck.scenario import without_password

        # each setting is the option of the same name
        of_baseline = baseline_options or BaselineOptions()
        sources = {
            field.name: of_baseline if hasattr(of_baseline, field.name) else self for field in fields(SettingsLayer)
        }
        settings = resolve(SettingsLayer(**{name: getattr(source, name) for name, source in sources.items()}))
        return session.RunRequest(
            targets=targets,
            settings=settings,
            matches=id_filter(self.expression),
            options=_sample_arguments(targets)
            | parse_options(self.option)
            | ({} if self.database is None else {"database": self.database}),
            setup=self.setup,
            measure_peak=self.measure_peak,
            command=("leakcheck", *map(without_password, sys.argv[1:])),
        )


def _sample_arguments(targets: "Sequence[Target]") -> "dict[str, OptionValue]":
    """Return the sample arguments as an option of requests, if all URLs of a Django project are requested."""
    import json

    from leakcheck.config.settings import django_settings
    from leakcheck.scenario import DJANGO

    if not any(target.module == DJANGO and request.endswith(":*") for target in targets for request in target.requests):
        return {}
    samples = django_settings().arguments
    return {"arguments": json.dumps(samples)} if samples else {}


_FLAGS = {"fixtures": "--fixture", "protocol": "--asgi", "migrate": "--no-migrate"}
"""The flags that have another name than their option."""


@dataclass(frozen=True, kw_only=True)
class TargetOptions(DjangoRequestOptions, MeasureOptions):
    """The options of `run`, `check`, `limit` and `baseline update`."""

    targets: Targets

    def request(self, baseline_options: BaselineOptions | None = None) -> "RunRequest":
        """Return the request to measure the targets, as `request_for` does."""
        from leakcheck.model.errors import UsageError
        from leakcheck.scenario import parse_targets

        targets = parse_targets(self.targets)
        request = self.request_for(targets, baseline_options)
        requests = [request for target in targets for request in target.requests]
        options = self.options(requests) if requests or self.data is None else {"data": self.data}
        if options and targets and not requests:
            raise UsageError(
                f"{', '.join(_FLAGS.get(name, f'--{name}') for name in options)}: only for requests, and no target "
                "is one; write django:mysite.settings GET:/news/, or package.module:application GET:/"
            )
        return replace(request, options={**options, **request.options})
