"""What the layers of settings say: pyproject.toml, the environment, and the flags in the same words."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path

import msgspec

from leakcheck.model.document_text import UnfitDocument, refuse_unfit
from leakcheck.model.errors import ConfigError, StoreError
from leakcheck.model.explanation import Explain, KnownEntry, ResourceKind
from leakcheck.model.files import read_file
from leakcheck.model.plain_text import cut

OFF = "off"
_LARGEST_FILE_BYTES = 16 * 1024 * 1024
_LONGEST_REASON = 300
RESOURCES = {kind.replace(" ", "_"): kind for kind in ResourceKind}


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsLayer:
    """What one layer says. Every field may be None: not said here."""

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
    """Budgets for the scenarios whose id or name matches a pattern ("newsletter*"), and what they may take."""

    match: str
    """A pattern over ids, or over names; `*` stands for anything."""
    growth: str | None = None
    """The growth that they may have, like "64 KiB / 1000 calls"."""
    peak: str | None = None
    """The peak that one call of theirs may have, like "10 MiB"."""
    memory: str | None = None
    """What the process of one takes at most; more scenarios than fit are not measured side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DjangoSettings:
    """What the file says of a Django project."""

    settings: str | None = None
    """The module of its settings, where neither --settings nor DJANGO_SETTINGS_MODULE says it."""
    arguments: Mapping[str, str | int | Mapping[str, str | int]] = field(default_factory=dict)
    """Samples of the arguments that URLs take, for `--all`: by their names, or in a table for one URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PyprojectFile(SettingsLayer):
    """All that pyproject.toml says."""

    overrides: tuple[Override, ...] = ()
    known: tuple[KnownEntry, ...] = ()
    resources: Mapping[str, float | str] = field(default_factory=dict)
    django: DjangoSettings = field(default_factory=DjangoSettings)


def find_pyproject(folder: Path) -> Path | None:
    """Return the nearest pyproject.toml, here or above."""
    return next((path for parent in (folder, *folder.parents) if _is_there(path := parent / "pyproject.toml")), None)


def _is_there(path: Path) -> bool:
    # a link to nowhere, or a pipe, is there: passed over, it would take the project's settings along in silence
    return path.is_symlink() or (path.exists() and not path.is_dir())


def read_pyproject(path: Path | None) -> PyprojectFile:
    """Return what [tool.leakcheck] says. Raises ConfigError for what cannot be used, and names what was meant."""
    if path is None:
        return PyprojectFile()
    import tomllib

    try:
        data = read_file(path, most_bytes=_LARGEST_FILE_BYTES, what="file of settings may be")
        tools = tomllib.loads(data.decode("utf-8")).get("tool", {})
    except StoreError as error:
        raise ConfigError(str(error)) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {cut(str(error), _LONGEST_REASON)}") from error
    where = f"{path}: [tool.leakcheck]"
    table = tools.get("leakcheck", {}) if isinstance(tools, dict) else {}
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: is a {type(table).__name__}; it must be a table of settings")
    _refuse_unknown(table, [one.name for one in fields(PyprojectFile)], where)
    for key, kind in (("overrides", Override), ("known", KnownEntry)):
        entries = table.get(key)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, dict):
                _refuse_unknown(entry, [one.name for one in fields(kind)], f"{where} {key}")
    if isinstance(said := table.get("django"), dict):
        _refuse_unknown(said, [one.name for one in fields(DjangoSettings)], f"{where} django")
    try:
        file = msgspec.convert(table, PyprojectFile)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {error}") from error
    if file.shard is not None:
        raise ConfigError(f"{where}: shard is for one command; say --shard, or LEAKCHECK_SHARD in a job of CI")
    _refuse_unknown(file.resources, list(RESOURCES), f"{where} resources")
    for name, allowed in file.resources.items():
        if allowed != OFF and not (isinstance(allowed, float) and 0 <= allowed < math.inf):
            raise ConfigError(
                f"{where} resources: {name} is {allowed!r}; write how many may stay of 1000 calls, or {OFF!r}"
            )
    for number, known in enumerate(file.known, 1):
        if not known.reason.strip() or bool(known.fingerprint) == bool(known.match):
            raise ConfigError(
                f"{where} known, entry {number}: needs a reason, and either a fingerprint (leakcheck prints it) "
                "or a match over the site and the path, like '*SENT*'"
            )
    try:
        refuse_unfit(file)
    except UnfitDocument as unfit:
        raise ConfigError(f"{where}: {unfit}") from unfit
    return file


def _refuse_unknown(table: Mapping[str, object], known: Sequence[str], where: str) -> None:
    for name in table:
        if name not in known:
            near = get_close_matches(name, known, 1)
            remedy = f"did you mean {near[0]}?" if near else f"the options are {', '.join(known)}"
            raise ConfigError(f"{where}: there is no option {name!r}; {remedy}")


def read_environment(environment: Mapping[str, str]) -> SettingsLayer:
    """Return what the variables LEAKCHECK_* say. Raises ConfigError for what cannot be used."""
    names = {f"LEAKCHECK_{name.upper()}": name for name in asdict(SettingsLayer())}
    found = {names[key]: value for key, value in environment.items() if key in names and value}
    try:
        return msgspec.convert(found, SettingsLayer, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"environment: LEAKCHECK_*: {error}") from error
