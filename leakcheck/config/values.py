"""The grammars of flag values: `--shard 2/3`, `--jobs auto`, `--executor dask:tcp://HOST:8786`, `-o NAME=VALUE`."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from leakcheck.model.errors import UsageError
from leakcheck.model.protocol import OptionValue

MAX_SHARDS = 1000
AUTO = "auto"
LOCAL = "local"
_DASK_ADDRESS = re.compile(r"dask:((?:tcp|tls)://(?:[\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5})", re.ASCII)
_SHARD = re.compile(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSpec:
    """Which of how many shards to measure; numbers start at 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parse_shard(text: str) -> ShardSpec:
    """Return the shard that `text` ("2/3") names. Raises UsageError for anything else."""
    match = _SHARD.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r}: write I/N, for example 2/3 for the second of three shards")
    number, count = int(match[1]), int(match[2])
    if not 1 <= count <= MAX_SHARDS:
        raise UsageError(f"{text!r}: there may be 1 to {MAX_SHARDS:,} shards")
    if not 1 <= number <= count:
        raise UsageError(f"{text!r}: {count} shards are numbered 1/{count} to {count}/{count}")
    return ShardSpec(number=number, count=count)


def parse_jobs(value: int | str) -> int | None:
    """Return the number of parallel measurements, None for "auto". Raises UsageError for anything else."""
    if value == AUTO:
        return None
    if not (str(value).isascii() and str(value).isdigit() and int(value) >= 1):
        raise UsageError(f"{value!r}: write a number, 1 or more, or {AUTO} for one job per core")
    return int(value)


def parse_executor(text: str) -> str | None:
    """Return the address of a Dask scheduler, None for "local". Raises UsageError for anything else."""
    if text == LOCAL:
        return None
    match = _DASK_ADDRESS.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{text!r}: write {LOCAL} for this machine, or dask:tcp://HOST:PORT for a Dask scheduler, for example "
            "dask:tcp://10.0.0.5:8786 (tls:// if its connections are encrypted)"
        )
    return match[1]


def parse_options(texts: Sequence[str] | None) -> dict[str, OptionValue]:
    """Return scenario options by name; a JSON number, boolean or string is parsed, any other value is text."""
    parsed: dict[str, OptionValue] = {}
    for text in texts or ():
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise UsageError(f"-o {text!r}: write NAME=VALUE, for example -o rows=500000")
        parsed[name] = _value(value)
    return parsed


def _value(text: str) -> OptionValue:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float | str) else text
