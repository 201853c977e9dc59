"""The grammars of flag values: `--shard 2/3`, `--jobs auto`, `--executor dask:tcp://HOST:8786`, `-o NAME=VALUE`."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from leakcheck.model.errors import UsageError
from leakcheck.model.protocol import OptionValue

MOST_PARTS = 1000
AUTO = "auto"
LOCAL = "local"
_CLUSTER = re.compile(r"dask:((?:tcp|tls)://(?:[\w.-]+|\[[0-9a-fA-F:]+\]):\d{1,5})", re.ASCII)
_PART = re.compile(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSpec:
    """One of so many parts, counted from 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parse_part(text: str) -> ShardSpec:
    """Return the part that `text` ("2/3") stands for. Raises UsageError for anything else."""
    match = _PART.fullmatch(text)
    if match is None:
        raise UsageError(f"--shard {text!r}: write I/N, for example 2/3 for the second of three shards")
    number, count = int(match[1]), int(match[2])
    if not 1 <= count <= MOST_PARTS:
        raise UsageError(f"--shard {text!r}: the work is split into 1 to {MOST_PARTS:,} shards")
    if not 1 <= number <= count:
        raise UsageError(f"--shard {text!r}: the shards of {count} are numbered from 1/{count} to {count}/{count}")
    return ShardSpec(number=number, count=count)


def parse_jobs(said: int | str) -> int | None:
    """Return how many are to be measured side by side, None for "auto". Raises UsageError for what is no number."""
    if said == AUTO:
        return None
    if not (str(said).isascii() and str(said).isdigit() and int(said) >= 1):
        raise UsageError(f"--jobs {said}: write how many, 1 or more, or {AUTO} for as many as there are cores")
    return int(said)


def parse_executor(text: str) -> str | None:
    """Return the address of the Dask scheduler that `text` names, None for "local". Raises UsageError for neither."""
    if text == LOCAL:
        return None
    match = _CLUSTER.fullmatch(text)
    if match is None:
        raise UsageError(
            f"--executor {text!r}: write {LOCAL} to measure here, or dask:tcp://HOST:PORT for a Dask cluster, for "
            "example dask:tcp://10.0.0.5:8786 (tls:// where its connections are encrypted)"
        )
    return match[1]


def parse_options(texts: Sequence[str] | None) -> dict[str, OptionValue]:
    """Return scenario options by name; a value that reads as a JSON number or boolean is one."""
    parsed: dict[str, OptionValue] = {}
    for text in texts or ():
        name, found, value = text.partition("=")
        if not found or not name:
            raise UsageError(f"-o {text!r}: write NAME=VALUE, for example -o rows=500000")
        parsed[name] = _value(value)
    return parsed


def _value(text: str) -> OptionValue:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float | str) else text
