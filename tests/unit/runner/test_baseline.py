"""Which entries of a baseline count, which are gone, and what an update changes; no process is started."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from leakcheck.compare.baseline_update import refuse_dirty_run, select_results, update_baseline
from leakcheck.config.expressions import parse_expression
from leakcheck.config.settings import Settings, resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.model.answers import SkippedRequest
from leakcheck.model.baseline import SCHEMA, Baseline, BaselineEntry, BaselineStep
from leakcheck.model.errors import BaselineMissing, ExitCode, NothingMeasured, UsageError
from leakcheck.model.explanation import Explanation, KnownEntry
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Budget, Result
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.runner.baseline import (
    BaselineRef,
    compare_run,
    covers,
    gone_entries,
    load_baseline_ref,
    refuse_same_ids,
    relative_target,
)
from leakcheck.runner.collect import Collection
from leakcheck.scenario import Target, parse_target
from tests.unit.causes import SENT, SENT_PATH, SITE
from tests.unit.runs import BROKEN, CLEAN, ENVIRONMENT, LEAK, MIB, UNSURE, growth, run_of

KEY = ENVIRONMENT.key


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with three files of scenarios."""
    for name in ("bench/shop.py", "bench/cart.py", "other.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def entry(target: str = "bench/shop.py::shop", growth_bytes: int = 0) -> BaselineEntry:
    verdict = Verdict.LEAK if growth_bytes else Verdict.CLEAN
    return BaselineEntry(verdict=verdict, target=target, growth_bytes_per_1000_calls=growth_bytes)


def baseline_with(entries: Mapping[str, BaselineEntry], key: str = KEY) -> BaselineRef:
    return BaselineRef(
        path=Path("leakcheck-baseline.json"), baseline=Baseline(schema=SCHEMA, environments={key: entries})
    )


def default_settings() -> Settings:
    return resolve(SettingsLayer(), environment={})


# --- which entries count --------------------------------------------------------------------------


def test_a_missing_baseline_names_the_command_that_makes_one(project: Path) -> None:
    with pytest.raises(
        BaselineMissing, match=r"no baseline yet; .*: leakcheck baseline update bench 'my file\.py'"
    ) as caught:
        load_baseline_ref(default_settings(), ["bench", "my file.py"])
    assert caught.value.exit_code == ExitCode.NO_BASELINE


@pytest.mark.parametrize("entries", [None, {}])
def test_the_error_for_a_baseline_of_another_environment_names_both(
    entries: dict[str, BaselineEntry] | None,
) -> None:
    foreign = {"cpython-3.12-linux-x86_64-pymalloc": {"shop": entry()}}
    baseline = Baseline(schema=SCHEMA, environments=foreign if entries is None else {**foreign, KEY: entries})
    with pytest.raises(
        BaselineMissing, match=f"holds nothing for {KEY}, .* it holds cpython-3.12-linux-x86_64-pymalloc"
    ):
        BaselineRef(path=Path("b.json"), baseline=baseline).entries(ENVIRONMENT)


def test_two_scenarios_with_the_same_name_are_refused_but_not_two_variants() -> None:
    refuse_same_ids([("shop[a]", "bench/shop.py::shop"), ("shop[b]", "bench/shop.py::shop")])
    with pytest.raises(UsageError, match=r"cart\.py::parse and bench/shop\.py::parse: both are called parse"):
        refuse_same_ids([("parse", "bench/shop.py::parse"), ("parse", "bench/cart.py::parse")])


# --- what is gone ---------------------------------------------------------------------------------


def collection(*whole: str, failed: Sequence[Result] = ()) -> Collection:
    return Collection(scenarios=(), failed=tuple(failed), environment={}, all_ids=whole)


ENTRIES = {
    "shop[a]": entry(),
    "shop[b]": entry(),
    "cart": entry("bench/cart.py::cart"),
    "other": entry("other.py::other"),
    "away": entry("bench/deleted.py::away"),
    "json": entry("json:dumps"),
    "by_hand": entry(""),
}


@pytest.mark.parametrize(
    ("targets", "whole", "expected"),
    [
        (["bench"], ["shop[a]", "cart"], ("away", "shop[b]")),
        (["."], ["shop[a]", "cart"], ("away", "other", "shop[b]")),
        (["bench/shop.py"], [], ("shop[a]", "shop[b]")),
        (["bench/shop.py::shop"], ["shop[b]"], ("shop[a]",)),
        (["bench/shop.py::shop[a]"], [], ("shop[a]",)),
        (["bench/shop.py::basket"], ["basket"], ()),
        (["json:dumps"], ["json:dumps"], ("json",)),
        (["json:loads"], ["json:loads"], ()),
        (["bench", "other.py"], ["shop[a]", "shop[b]", "cart", "away", "other"], ()),
    ],
)
def test_an_entry_is_gone_where_a_target_would_hold_its_scenario(
    project: Path, targets: Sequence[str], whole: Sequence[str], expected: tuple[str, ...]
) -> None:
    parsed = [parse_target(text) for text in targets]
    assert (
        gone_entries(ENTRIES, collection(*whole), folder=Path(), targets=parsed, matches=lambda name: True) == expected
    )


def test_deselected_scenarios_and_those_of_unreadable_files_are_not_gone(project: Path) -> None:
    targets = [parse_target("bench")]
    not_b = parse_expression("not b")
    assert gone_entries(ENTRIES, collection("cart"), folder=Path(), targets=targets, matches=not_b) == (
        "away",
        "shop[a]",
    )
    broken = replace(BROKEN, target="bench/shop.py", failure=Failure(kind=FailureKind.IMPORT, message="SyntaxError"))
    empty = replace(BROKEN, target="bench/cart.py", failure=Failure(kind=FailureKind.NOTHING, message="no scenario"))
    with_failures = collection(failed=[broken, empty])
    assert gone_entries(ENTRIES, with_failures, folder=Path(), targets=targets, matches=lambda name: True) == (
        "away",
        "cart",
    )


def test_a_target_is_spelled_relative_to_the_baseline_however_it_was_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert relative_target("bench/shop.py::shop", Path()) == "bench/shop.py::shop"
    assert relative_target(f"{project}/bench/../bench/shop.py::shop", Path()) == "bench/shop.py::shop"
    assert relative_target("bench/shop.py::shop", project / "bench") == "shop.py::shop"
    assert relative_target("shop.cart:checkout", Path()) == "shop.cart:checkout"
    monkeypatch.chdir(project / "bench")
    assert relative_target("shop.py::shop", project) == "bench/shop.py::shop"


def test_targets_of_a_foreign_baseline_are_compared_as_text_alone(project: Path) -> None:
    foreign = {"x": entry("\0::x"), "y": entry("../../etc/passwd::y"), "z": entry("::::"), "w": entry("a" * 9000)}
    assert (
        gone_entries(foreign, collection(), folder=Path(), targets=[parse_target("bench")], matches=lambda name: True)
        == ()
    )


# --- a saved run ----------------------------------------------------------------------------------

EXPLAINED = replace(
    LEAK,
    budget=Budget(growth_bytes_per_1000_calls=4096.0),
    explanation=Explanation(containers=(SENT,), retention_paths=(SENT_PATH,), allocation_sites=(SITE,)),
)


def test_a_saved_run_is_compared_with_the_baseline_as_a_measured_one() -> None:
    compared = compare_run(
        run_of(LEAK, CLEAN, BROKEN),
        baseline_with({LEAK.id: entry(growth_bytes=120 * MIB)}),
        default_settings(),
        date(2026, 1, 1),
    )
    assert [result.gate for result in compared.results] == [Gate.OVER, Gate.WITHIN, Gate.ERROR]
    assert [result.is_new for result in compared.results] == [False, True, False]
    assert compared.baseline == "leakcheck-baseline.json"
    assert exit_codes(compared) == ExitCode.SCENARIO_FAILED


def exit_codes(run: Run) -> ExitCode:
    from leakcheck.runner.session import exit_code

    return exit_code(run.results)


def test_a_known_leak_of_a_saved_run_still_does_not_fail_and_still_expires() -> None:
    worse = baseline_with({LEAK.id: entry(growth_bytes=1)})
    for expires, gate in ((None, Gate.WITHIN), (date(2025, 1, 1), Gate.OVER)):
        known = KnownEntry(match="*SENT*", reason="ticket 12", expires=expires)
        settings = replace(default_settings(), known=(known,))
        (result,) = compare_run(run_of(EXPLAINED), worse, settings, date(2026, 1, 1)).results
        assert (result.gate, result.baseline_changes[0].gate) == (gate, Gate.OVER)


@pytest.mark.parametrize(("unlisted_bytes", "gate"), [(16 * 1024, Gate.WITHIN), (16 * 1024 + 1, Gate.OVER)])
def test_growth_that_is_not_a_known_leak_is_compared_with_the_baseline_even_within_the_budget(
    unlisted_bytes: float, gate: Gate
) -> None:
    # GIVEN a known leak of 100 KiB, and another one that is not listed
    budget = Budget(growth_bytes_per_1000_calls=64 * 1024)
    paths = (
        replace(SENT_PATH, bytes_per_1000_calls=100 * 1024, share=0.8),
        replace(SENT_PATH, bytes_per_1000_calls=unlisted_bytes, share=0.2, fingerprint="b" * 12, links=()),
    )
    grown = replace(
        EXPLAINED,
        budget=budget,
        growth=growth(100 * 1024 + unlisted_bytes),
        explanation=replace(EXPLAINED.explanation, retention_paths=paths, allocation_sites=()),
    )
    settings = replace(default_settings(), known=(KnownEntry(match="*SENT*", reason="ticket 12"),))
    # WHEN nothing grew before, and 16 KiB are tolerated
    (result,) = compare_run(run_of(grown), baseline_with({LEAK.id: entry()}), settings, date(2026, 1, 1)).results
    # THEN the unlisted growth alone decides
    assert result.gate is gate


def test_a_run_of_another_environment_cannot_be_compared() -> None:
    with pytest.raises(BaselineMissing):
        compare_run(run_of(LEAK), baseline_with({LEAK.id: entry()}, "elsewhere"), default_settings(), date(2026, 1, 1))


# --- an update ------------------------------------------------------------------------------------


def test_an_update_accepts_certain_results_and_keeps_all_other_entries(project: Path) -> None:
    old = Baseline(schema=SCHEMA, environments={"elsewhere": {"x": entry()}, KEY: {"kept": entry(), CLEAN.id: entry()}})
    update = update_baseline(old, run_of(LEAK, CLEAN, BROKEN, UNSURE), default_settings(), reason="ticket 12")
    assert update.baseline.environments["elsewhere"] == {"x": entry()}
    entries = update.baseline.environments[KEY]
    assert set(entries) == {"kept", LEAK.id, CLEAN.id}
    assert entries["kept"] == entry()
    assert entries[LEAK.id].reason == "ticket 12"
    assert entries[LEAK.id].target == "scenarios/newsletter/scenario.py::newsletter"
    assert update.changes_anything
    assert [result.id for result in update.refused] == ["parser", "warming"]


def test_an_update_ends_with_the_worst_of_what_it_refused(project: Path) -> None:
    def code(*results: Result, allow_inconclusive: bool = False) -> ExitCode:
        update = update_baseline(None, run_of(*results), default_settings())
        return update.exit_code(allow_inconclusive=allow_inconclusive)

    assert code(LEAK) == ExitCode.WITHIN
    assert code(LEAK, UNSURE) == ExitCode.INCONCLUSIVE
    assert code(LEAK, UNSURE, allow_inconclusive=True) == ExitCode.WITHIN
    assert code(LEAK, UNSURE, BROKEN) == ExitCode.SCENARIO_FAILED


def test_an_update_removes_gone_entries_and_an_environment_that_becomes_empty(project: Path) -> None:
    old = Baseline(schema=SCHEMA, environments={KEY: {"gone": entry()}})
    update = update_baseline(old, run_of(UNSURE), default_settings(), gone=["gone", "never_there"])
    assert update.baseline.environments == {}
    assert update.steps == (BaselineStep(scenario="gone", before=entry(), after=None),)


def test_the_same_run_twice_changes_nothing(project: Path) -> None:
    first = update_baseline(None, run_of(LEAK, CLEAN), default_settings())
    second = update_baseline(first.baseline, run_of(LEAK, CLEAN), default_settings())
    assert first.changes_anything
    assert not second.changes_anything
    assert second.baseline == first.baseline


@pytest.mark.parametrize("run", [run_of(), run_of(BROKEN, environment=None)])
def test_nothing_can_be_accepted_of_an_empty_run(run: Run) -> None:
    with pytest.raises(NothingMeasured):
        update_baseline(None, run, default_settings())


def test_results_of_a_saved_run_are_selected_by_target_and_by_expression(project: Path) -> None:
    run = run_of(
        replace(LEAK, target="bench/shop.py::newsletter"),
        replace(CLEAN, target="bench/shop.py::newsletter"),
        replace(UNSURE, target="other.py::warming"),
    )

    def ids(expression: str, *targets: str) -> list[str]:
        parsed = [parse_target(text) for text in targets]
        selected = select_results(run, default_settings(), parsed, parse_expression(expression))
        return [result.id for result in selected.results]

    assert ids("retained") == [LEAK.id]
    assert ids("not retained") == [CLEAN.id, "warming"]
    assert ids("not x", "bench") == [LEAK.id, CLEAN.id]
    assert ids("not x", "other.py") == ["warming"]
    assert ids("not x", "bench/shop.py::newsletter[iterator]") == [CLEAN.id]


def test_a_run_that_was_measured_with_uncommitted_changes_is_refused_by_its_name() -> None:
    with pytest.raises(UsageError, match=r"^a/run: was measured with changes .* --allow-dirty"):
        refuse_dirty_run(run_of(LEAK), Path("a/run"))
    refuse_dirty_run(run_of(LEAK, environment=replace(ENVIRONMENT, git_dirty=False)), Path("a/run"))
    refuse_dirty_run(run_of(LEAK, environment=replace(ENVIRONMENT, git_dirty=None)), Path("a/run"))


def test_a_site_covers_the_named_requests_and_with_a_star_all_of_a_method() -> None:
    target = Target(module="django", name="shop.settings", requests=("GET:*", "POST:/order/"))
    requests = ["GET:/a/", "GET:/b/?c=1", "POST:/order/", "POST:/other/"]

    covered = [request for request in requests if covers(target, "any", f"django:shop.settings {request}", Path())]
    assert covered == ["GET:/a/", "GET:/b/?c=1", "POST:/order/"]
    assert not covers(target, "any", "django:other.settings GET:/a/", Path())


def test_a_skipped_url_is_not_gone_and_a_removed_one_is() -> None:
    names = ("GET /a/", "GET /left/", "GET /gone/")
    entries = {name: entry(f"django:s {name.replace(' ', ':', 1)}") for name in names}
    target = Target(module="django", name="s", requests=("GET:*",))
    collected = Collection(
        scenarios=(),
        failed=(),
        environment=None,
        all_ids=("GET /a/",),
        skipped=(SkippedRequest(request="GET /left/", reason="asks to log in"),),
    )

    assert gone_entries(entries, collected, folder=Path(), targets=[target], matches=lambda name: True) == (
        "GET /gone/",
    )
