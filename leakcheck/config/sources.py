"""The layers of settings: pyproject.toml, the environment, and the flags, all with the same fields."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path

import msgspec

from leakcheck.model.document_text import InvalidField, validate_fields
from leakcheck.model.errors import ConfigError, StoreError
from leakcheck.model.explanation import Explain, KnownEntry, ResourceKind
from leakcheck.model.files import read_file
from leakcheck.model.plain_text import shorten

OFF = "off"
_LARGEST_FILE_BYTES = 16 * 1024 * 1024
_MAX_ERROR_CHARACTERS = 300
_KINDS = {
    "str": "text in quotes",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "object": "a table",
    "array": "a list",
}
RESOURCES = {kind.replace(" ", "_"): kind for kind in ResourceKind}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsLayer:
    """The settings of one layer. A field is None if the layer does not set it."""

    growth: str | None = None
    peak: str | None = None
    calls: int | None = None
    time: float | None = None
    timeout: float | None = None
    max_memory: str | None = None
    memory: str | None = None
    jobs: int | str | None = None
    executor: str | None = None
    python: str | None = None
    output: str | None = None
    explain: Explain | None = None
    allow_inconclusive: bool | None = None
    baseline: str | None = None
    change: str | None = None
    shard: str | None = None
    durations: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Budgets and memory of the scenarios whose id or name matches a pattern ("newsletter*")."""

    match: str
    """Pattern for ids or names of scenarios; `*` matches anything."""
    growth: str | None = None
    """Growth budget, like "64 KiB / 1000 calls"."""
    peak: str | None = None
    """Peak budget of one call, like "10 MiB"."""
    memory: str | None = None
    """Maximum memory of one process; only as many scenarios as fit are measured in parallel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoSettings:
    """The table [tool.leakcheck.django]."""

    settings: str | None = None
    """Settings module, if neither --settings nor DJANGO_SETTINGS_MODULE names one."""
    arguments: Mapping[str, str | int | Mapping[str, str | int]] = field(default_factory=dict)
    """Sample arguments of URLs, for `--all`: by argument name, or in a table for one URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PyprojectFile(SettingsLayer):
    """The table [tool.leakcheck] of pyproject.toml."""

    overrides: tuple[Override, ...] = ()
    known: tuple[KnownEntry, ...] = ()
    resources: Mapping[str, float | str] = field(default_factory=dict)
    django: DjangoSettings = field(default_factory=DjangoSettings)


def find_pyproject(folder: Path) -> Path | None:
    """Return the nearest pyproject.toml in the folder or above it."""
    paths = (parent / "pyproject.toml" for parent in (folder, *folder.parents))
    # a dangling link or a pipe counts: skipping it would silently ignore the project's settings
    return next((path for path in paths if path.is_symlink() or (path.exists() and not path.is_dir())), None)


def read_pyproject(path: Path | None) -> PyprojectFile:
    """Return the table [tool.leakcheck], empty if `path` is None. Raises ConfigError for an invalid file or setting."""
    if path is None:
        return PyprojectFile()
    import tomllib

    try:
        data = read_file(path, most_bytes=_LARGEST_FILE_BYTES, what="file of settings")
        tools = tomllib.loads(data.decode("utf-8")).get("tool", {})
    except StoreError as error:
        raise ConfigError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {shorten(str(error), _MAX_ERROR_CHARACTERS)}") from error
    where = f"{path}: [tool.leakcheck]"
    table = tools.get("leakcheck", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: must be a table of settings, not {table!r:.40}")
    _refuse_unknown(table, _names_of(PyprojectFile), where)
    for key, kind in (("overrides", Override), ("known", KnownEntry)):
        entries = table.get(key)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                _refuse_unknown(entry, _names_of(kind), f"{where} {key}")
    if isinstance(django := table.get("django"), dict):
        _refuse_unknown(django, _names_of(DjangoSettings), f"{where} django")
    try:
        file = msgspec.convert(table, PyprojectFile)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where} {_explain(error)}") from error
    if file.shard is not None:
        raise ConfigError(f"{where}: shard is for one command; pass --shard, or set LEAKCHECK_SHARD in a CI job")
    _refuse_unknown(file.resources, list(RESOURCES), f"{where} resources")
    for name, budget in file.resources.items():
        if budget != OFF and not (isinstance(budget, float) and 0 <= budget < math.inf):
            raise ConfigError(
                f"{where} resources: {name} is {budget!r}; write how many may be left per 1000 calls, or {OFF!r}"
            )
    for number, known in enumerate(file.known, 1):
        if not known.reason.strip() or bool(known.fingerprint) == bool(known.match):
            raise ConfigError(
                f"{where} known, entry {number}: needs a reason, and either a fingerprint (leakcheck prints it) "
                "or a match, a pattern for the line or the path like '*SENT*'"
            )
    try:
        validate_fields(file)
    except InvalidField as unfit:
        raise ConfigError(f"{where}: {unfit}") from unfit
    return file


def _explain(error: msgspec.ValidationError) -> str:
    """Return msgspec's message in our words: `growth: must be text`."""
    problem, _, place = str(error).partition(" - at `$")
    name = place.strip("`.").replace("[...]", "") or "settings"
    if expected := re.match(r"Expected `(.+?)`", problem):
        kinds = [_KINDS.get(kind, kind) for kind in expected[1].split(" | ") if kind != "null"]
        return f"{name}: must be {' or '.join(kinds)}"
    if missing := re.match(r"Object missing required field `(.+)`", problem):
        return f"{name}: needs a value for {missing[1]}"
    if "date" in problem:
        return f"{name}: must be a date, for example 2027-01-31"
    if "Invalid enum value" in problem:
        return f"{name}: must be one of {', '.join(Explain)}"
    return f"{name}: {problem}"


def _names_of(kind: type[PyprojectFile | Override | KnownEntry | DjangoSettings]) -> list[str]:
    return [field.name for field in fields(kind)]


def _refuse_unknown(table: Mapping[str, object], known: Sequence[str], where: str) -> None:
    for name in table:
        if name not in known:
            matches = get_close_matches(name, known, 1)
            remedy = f"did you mean {matches[0]}?" if matches else f"the options are {', '.join(known)}"
            raise ConfigError(f"{where}: there is no option {name!r}; {remedy}")


def read_environment(environment: Mapping[str, str]) -> SettingsLayer:
    """Return the settings of the variables LEAKCHECK_* that are not empty. Raises ConfigError for an invalid value."""
    names = {f"LEAKCHECK_{name.upper()}": name for name in asdict(SettingsLayer())}
    values = {names[key]: value for key, value in environment.items() if key in names and value}
    try:
        return msgspec.convert(values, SettingsLayer, strict=False)
    except msgspec.ValidationError as error:
        problem = _explain(error)
        name = problem.partition(":")[0]
        raise ConfigError(f"LEAKCHECK_{name.upper()}{problem[len(name) :]}, got {values.get(name)!r}") from error
