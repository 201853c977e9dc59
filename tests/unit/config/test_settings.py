"""Settings: which layer wins, and the errors for invalid settings."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from leakcheck.config.settings import DEFAULT_GROWTH_BUDGET, Settings, resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.config.values import ShardSpec
from leakcheck.model.answers import ScenarioInfo
from leakcheck.model.errors import ConfigError, UsageError
from leakcheck.model.explanation import Explain, KnownEntry
from leakcheck.model.tolerance import Tolerance
from leakcheck.model.units import parse_growth

Resolve = Callable[..., Settings]
NAIVE = ScenarioInfo(target="scenarios/newsletter.py::newsletter", name="newsletter", variant="naive")


@pytest.fixture
def settings(tmp_path: Path) -> Resolve:
    """Resolve a [tool.leakcheck] table, environment variables and flags, away from this project's own."""

    def resolve_(
        table: str | bytes | None = None,
        environment: Mapping[str, str] | None = None,
        flags: SettingsLayer | None = None,
    ) -> Settings:
        if table is not None:
            text = table if isinstance(table, bytes) else f"[tool.leakcheck]\n{table}".encode()
            (tmp_path / "pyproject.toml").write_bytes(text)
        return resolve(flags or SettingsLayer(), environment=environment or {}, folder=tmp_path)

    return resolve_


def test_without_any_settings_the_defaults_apply(settings: Resolve) -> None:
    defaults = settings()
    assert (defaults.calls, defaults.time_seconds, defaults.timeout_seconds) == (None, 60.0, 60.0)
    assert (defaults.output, defaults.allow_inconclusive) == (Path("reports"), False)
    budget = defaults.budget(NAIVE)
    assert budget.growth_bytes_per_1000_calls == parse_growth(DEFAULT_GROWTH_BUDGET)
    assert budget.peak_bytes is None


def test_the_default_budget_lies_between_a_clean_view_and_one_object_per_call() -> None:
    assert 0 < parse_growth(DEFAULT_GROWTH_BUDGET) < parse_growth("16 B / call")


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ({"table": "time = 10"}, 10),
        ({"table": "time = 10", "environment": {"LEAKCHECK_TIME": "20"}}, 20),
        ({"table": "time = 10", "environment": {"LEAKCHECK_TIME": "20"}, "flags": SettingsLayer(time=30.0)}, 30),
        ({"table": "time = 10", "flags": SettingsLayer(time=30.0)}, 30),
        # None and an empty variable do not set anything
        ({"table": "time = 10", "environment": {"LEAKCHECK_TIME": ""}, "flags": SettingsLayer(time=None)}, 10),
    ],
)
def test_a_later_layer_wins(settings: Resolve, layers: Mapping[str, object], expected: float) -> None:
    assert settings(**layers).time_seconds == expected


def test_a_flag_can_turn_off_a_setting_of_the_project(settings: Resolve) -> None:
    assert settings("allow_inconclusive = true").allow_inconclusive
    assert not settings(flags=SettingsLayer(allow_inconclusive=False)).allow_inconclusive


def test_every_setting_can_be_set_in_the_environment(settings: Resolve) -> None:
    resolved = settings(
        environment={
            "LEAKCHECK_CALLS": "500",
            "LEAKCHECK_TIMEOUT": "2.5",
            "LEAKCHECK_MAX_MEMORY": "1 GiB",
            "LEAKCHECK_PYTHON": "/opt/python",
            "LEAKCHECK_OUTPUT": "elsewhere",
            "LEAKCHECK_ALLOW_INCONCLUSIVE": "true",
            "LEAKCHECK_PEAK": "5 MiB",
            "LEAKCHECK_BASELINE": "accepted.json",
            "LEAKCHECK_CHANGE": "+10 % and +1 MiB",
            "PYTHONPATH": "is not ours",
        }
    )
    assert (resolved.calls, resolved.timeout_seconds, resolved.memory_limit_bytes) == (500, 2.5, 1024**3)
    assert (resolved.python, resolved.output, resolved.allow_inconclusive) == ("/opt/python", Path("elsewhere"), True)
    assert resolved.budget(NAIVE).peak_bytes == 5 * 1024**2
    assert (resolved.baseline, resolved.change) == (Path("accepted.json"), Tolerance(share=0.1, bytes=1024**2))


def test_the_nearest_pyproject_in_a_parent_folder_is_read(tmp_path: Path) -> None:
    below = tmp_path / "src" / "package"
    below.mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text("[tool.leakcheck]\ncalls = 7\n")
    assert resolve(SettingsLayer(), environment={}, folder=below).calls == 7


PROJECT_SAYS = 'growth = "1 kB"\npeak = "1 MB"\n'
OVERRIDE = '[[tool.leakcheck.overrides]]\nmatch = "{}"\ngrowth = "3 kB"\n'


def growth(settings: Settings, scenario: ScenarioInfo = NAIVE) -> float:
    return settings.budget(scenario).growth_bytes_per_1000_calls


def test_budgets_of_project_mark_override_and_flags_win_in_this_order(settings: Resolve) -> None:
    marked = replace(NAIVE, growth_bytes_per_1000_calls=2000.0)
    assert growth(settings(PROJECT_SAYS)) == 1000
    assert growth(settings(PROJECT_SAYS), marked) == 2000
    assert growth(settings(PROJECT_SAYS + OVERRIDE.format("news*")), marked) == 3000
    assert growth(settings(environment={"LEAKCHECK_GROWTH": "4 kB"}), marked) == 4000
    assert (
        growth(settings(environment={"LEAKCHECK_GROWTH": "4 kB"}, flags=SettingsLayer(growth="5 kB")), marked) == 5000
    )


def test_growth_and_peak_are_overridden_separately(settings: Resolve) -> None:
    budget = settings(PROJECT_SAYS + OVERRIDE.format("newsletter")).budget(replace(NAIVE, peak_bytes=9.0))
    assert budget.growth_bytes_per_1000_calls == 3000
    assert budget.peak_bytes == 9


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("newsletter", True),
        ("newsletter[[]naive]", False),
        ("newsletter[naive]", True),
        ("newsletter[n*]", True),
        ("*[naive]", True),
        ("*", True),
        ("news", False),
        ("NEWSLETTER", False),
        # brackets are part of the id, not a character class
        ("newslette[r]", False),
        ("newsletter[iterator]", False),
    ],
)
def test_an_override_matches_an_id_or_a_name_and_takes_brackets_literally(
    settings: Resolve, pattern: str, matches: bool
) -> None:
    assert growth(settings(PROJECT_SAYS + OVERRIDE.format(pattern))) == (3000 if matches else 1000)


def test_the_last_matching_override_wins(settings: Resolve) -> None:
    table = OVERRIDE.format("*") + OVERRIDE.format("newsletter").replace("3 kB", "6 kB")
    assert growth(settings(table)) == 6000


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("grwth = '1 B'", "there is no option 'grwth'; did you mean growth?"),
        ("alow_inconclusive = true", "did you mean allow_inconclusive?"),
        ("colour = 'red'", "there is no option 'colour'; the options are growth, peak,"),
        ("overrides = [{match = '*', peek = '1 B'}]", "overrides: there is no option 'peek'; did you mean peak?"),
        ("overrides = [{growth = '1 B'}]", "missing required field `match`"),
        ("overrides = [3]", "Expected `object`, got `int` - at `$.overrides[0]`"),
        ("overrides = 3", "Expected `array`, got `int` - at `$.overrides`"),
        ("growth = 3", "Expected `str | null`, got `int` - at `$.growth`"),
        ("calls = '3'", "got `str` - at `$.calls`"),
        ("calls = 1.5", "got `float` - at `$.calls`"),
        ("time = true", "got `bool` - at `$.time`"),
    ],
)
def test_the_error_for_an_invalid_table_names_the_file_and_the_setting(
    settings: Resolve, table: str, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        settings(table)
    assert "pyproject.toml: [tool.leakcheck]" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "text", [b"[tool]\nleakcheck = 3", b"[[tool.leakcheck]]\ncalls = 3", b"not toml", b"\xff\xfe", b"a = 1\na = 2"]
)
def test_the_error_for_an_unusable_file_names_it(settings: Resolve, text: bytes) -> None:
    with pytest.raises(ConfigError, match=r"pyproject\.toml: "):
        settings(text)


@pytest.mark.parametrize("text", [b"", b"tool = 3", b"[tool.other]\ncalls = 3"])
def test_a_file_without_our_table_changes_nothing(settings: Resolve, text: bytes) -> None:
    assert settings(text).calls is None


@pytest.mark.parametrize(
    "environment", [{"LEAKCHECK_TIME": "soon"}, {"LEAKCHECK_CALLS": "1.5"}, {"LEAKCHECK_ALLOW_INCONCLUSIVE": "perhaps"}]
)
def test_a_variable_of_the_wrong_type_is_refused(settings: Resolve, environment: Mapping[str, str]) -> None:
    with pytest.raises(ConfigError, match="environment: LEAKCHECK_"):
        settings(environment=environment)


@pytest.mark.parametrize(
    "flags",
    [
        SettingsLayer(growth="64 Kib"),
        SettingsLayer(peak="1 MiB / 2 calls"),
        SettingsLayer(max_memory="much"),
        SettingsLayer(change="+5 %"),
        SettingsLayer(calls=0),
        SettingsLayer(calls=-1),
        SettingsLayer(time=0.0),
        SettingsLayer(time=float("nan")),
        SettingsLayer(timeout=0.0),
        SettingsLayer(timeout=-1.0),
        SettingsLayer(timeout=float("nan")),
    ],
)
def test_an_invalid_value_is_refused_before_anything_is_measured(settings: Resolve, flags: SettingsLayer) -> None:
    with pytest.raises(UsageError):
        settings(flags=flags)


def test_an_invalid_budget_in_an_override_is_refused_even_if_it_matches_nothing(settings: Resolve) -> None:
    with pytest.raises(UsageError, match="there is no unit 'KIB'"):
        settings(OVERRIDE.format("nobody").replace("3 kB", "3 KIB"))


def test_one_call_and_a_millisecond_are_valid(settings: Resolve) -> None:
    smallest = settings(flags=SettingsLayer(calls=1, time=0.001, timeout=0.001))
    assert (smallest.calls, smallest.time_seconds, smallest.timeout_seconds) == (1, 0.001, 0.001)


KNOWN = '[[tool.leakcheck.known]]\nreason = "ticket 12"\n'


def test_known_leaks_are_read_with_their_expiry_date(settings: Resolve) -> None:
    (entry,) = settings(f'\n{KNOWN}match = "*SENT*"\nscenario = "news*"\nexpires = 2027-01-31\n').known
    assert entry == KnownEntry(reason="ticket 12", match="*SENT*", scenario="news*", expires=date(2027, 1, 31))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (KNOWN, "either a fingerprint"),
        (f'{KNOWN}match = "a"\nfingerprint = "b"\n', "either a fingerprint"),
        ('[[tool.leakcheck.known]]\nreason = " "\nmatch = "a"\n', "needs a reason"),
        (
            f'{KNOWN}fingerprint = "51f92d3ac85"\n',
            "fingerprint is '51f92d3ac85', and should be .* 12 hexadecimal digits",
        ),
        (f'{KNOWN}match = "{"x" * 3000}"\n', "match is .*, and should be a name of at most 2,000 characters"),
        ('[[tool.leakcheck.known]]\nmatch = "a"\n', "reason"),
        (f'{KNOWN}mach = "a"\n', "did you mean match?"),
        (f'{KNOWN}match = "a"\nexpires = "soon"\n', "expires"),
        ('explain = "sometimes"\n', "explain"),
    ],
)
def test_the_error_for_an_invalid_known_leak_names_the_problem(settings: Resolve, table: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        settings(f"\n{table}")


def test_explain_can_be_set_in_any_layer(settings: Resolve) -> None:
    assert settings().explain is Explain.AUTO
    assert settings('explain = "always"').explain is Explain.ALWAYS
    assert settings('explain = "always"', {"LEAKCHECK_EXPLAIN": "never"}).explain is Explain.NEVER
    assert settings("", {"LEAKCHECK_EXPLAIN": "never"}, SettingsLayer(explain=Explain.AUTO)).explain is Explain.AUTO


def test_a_baseline_in_pyproject_is_relative_to_it_and_one_in_a_flag_to_the_current_folder(
    settings: Resolve, tmp_path: Path
) -> None:
    assert settings().baseline == Path("leakcheck-baseline.json")
    assert settings("").baseline == tmp_path / "leakcheck-baseline.json"
    assert settings('baseline = "ci/accepted.json"').baseline == tmp_path / "ci" / "accepted.json"
    assert settings(None, {}, SettingsLayer(baseline="mine.json")).baseline == Path("mine.json")


def test_a_baseline_below_the_current_folder_is_a_relative_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    assert resolve(SettingsLayer(), environment={}).baseline == Path("leakcheck-baseline.json")


def test_the_tolerance_has_a_default_of_both_parts(settings: Resolve) -> None:
    assert settings().change == Tolerance(share=0.05, bytes=16 * 1024)
    assert settings('change = "+1 % and +1 KiB"').change == Tolerance(share=0.01, bytes=1024)
    with pytest.raises(ConfigError, match=r"pyproject\.toml.*write both parts"):
        settings('change = "+1 %"')


def test_declared_memory_is_that_of_the_last_matching_override_else_of_the_mark(settings: Resolve) -> None:
    table = "\n" + "".join(
        f'[[tool.leakcheck.overrides]]\nmatch = "{match}"\n{setting}\n'
        for match, setting in (
            ("news*", 'memory = "1 GiB"'),
            ("newsletter", 'peak = "1 MiB"'),
            ("other", 'memory = "2 B"'),
        )
    )
    marked = replace(NAIVE, memory_bytes=5.0)
    assert settings().declared_memory(NAIVE) is None
    assert settings().declared_memory(marked) == 5
    assert settings(table).declared_memory(marked) == 1024**3
    with pytest.raises(UsageError, match="there is no unit 'KIB'"):
        settings(table.replace("1 GiB", "1 KIB"))


def test_a_shard_is_set_for_one_command_and_not_in_pyproject(settings: Resolve) -> None:
    assert settings().shard is None
    assert settings(environment={"LEAKCHECK_SHARD": "1/3"}).shard == ShardSpec(number=1, count=3)
    assert settings(environment={"LEAKCHECK_SHARD": "1/3"}, flags=SettingsLayer(shard="2/3")).shard == ShardSpec(
        number=2, count=3
    )
    with pytest.raises(ConfigError, match="shard is for one command; say --shard, or LEAKCHECK_SHARD"):
        settings('shard = "1/3"')


def test_durations_are_beside_pyproject_unless_a_layer_names_a_file(settings: Resolve, tmp_path: Path) -> None:
    assert settings("").durations is None
    default = tmp_path / "leakcheck-durations.json"
    default.touch()
    assert settings("").durations == default
    # a path in pyproject.toml is relative to it, any other to the current folder
    assert settings('durations = "ci/times.json"').durations == tmp_path / "ci" / "times.json"
    assert settings("", {"LEAKCHECK_DURATIONS": "a.json"}).durations == Path("a.json")
    assert settings("", {"LEAKCHECK_DURATIONS": "a.json"}, SettingsLayer(durations="b.json")).durations == Path(
        "b.json"
    )


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ({}, 1),
        ({"table": "jobs = 3"}, 3),
        ({"table": 'jobs = "auto"'}, None),
        ({"environment": {"LEAKCHECK_JOBS": "2"}}, 2),
        ({"environment": {"LEAKCHECK_JOBS": "auto"}, "flags": SettingsLayer(jobs="4")}, 4),
    ],
)
def test_jobs_can_be_set_in_any_layer(settings: Resolve, layers: Mapping[str, object], expected: int | None) -> None:
    assert settings(**layers).jobs == expected


@pytest.mark.parametrize(
    ("table", "environment", "flags", "cluster"),
    [
        ("", {}, SettingsLayer(), None),
        ('executor = "dask:tcp://ten:8786"', {}, SettingsLayer(), "tcp://ten:8786"),
        (
            'executor = "dask:tcp://ten:8786"',
            {"LEAKCHECK_EXECUTOR": "dask:tls://[::1]:9"},
            SettingsLayer(),
            "tls://[::1]:9",
        ),
        ('executor = "dask:tcp://ten:8786"', {}, SettingsLayer(executor="local"), None),
    ],
)
def test_the_executor_can_be_set_in_any_layer(
    settings: Resolve, table: str, environment: Mapping[str, str], flags: SettingsLayer, cluster: str | None
) -> None:
    assert settings(table, environment, flags).cluster == cluster


@pytest.mark.parametrize(
    "text", ["", "dask", "dask:", "tcp://ten:8786", "dask:tcp://ten", "dask:http://ten:8786", "dask:tcp://ten:8786/x"]
)
def test_an_invalid_executor_is_refused_with_examples(settings: Resolve, text: str) -> None:
    with pytest.raises(
        UsageError, match=r"write local to measure here, or dask:tcp://HOST:PORT .* dask:tcp://10\.0\.0\.5:8786"
    ):
        settings(flags=SettingsLayer(executor=text))
