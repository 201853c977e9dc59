"""Which entries count, which are gone, and what an update makes of them; no process is started."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from leakcheck.compare.baseline_update import picked, refuse_dirty_run, updated
from leakcheck.config.expressions import parse_expression
from leakcheck.config.settings import Settings, resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.model.answers import Failure, SkippedRequest
from leakcheck.model.baseline import SCHEMA, Baseline, BaselineEntry, BaselineStep
from leakcheck.model.errors import BaselineMissing, ExitCode, NothingMeasured, UsageError
from leakcheck.model.explanation import KnownEntry
from leakcheck.model.result import Budget, Result
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.runner.baseline import BaselineRef, compared_run, covers, gone, load_against, refuse_same_ids, spelled
from leakcheck.runner.collect import Collection
from leakcheck.scenario import Target, parse_target
from tests.unit.causes import SENT, SENT_PATH, SITE
from tests.unit.runs import BROKEN, CLEAN, ENVIRONMENT, LEAK, MIB, UNSURE, growth, run_of

KEY = ENVIRONMENT.key


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two files of scenarios, to stand in."""
    for name in ("bench/shop.py", "bench/cart.py", "other.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def entry(target: str = "bench/shop.py::shop", grows: int = 0) -> BaselineEntry:
    verdict = Verdict.LEAK if grows else Verdict.CLEAN
    return BaselineEntry(verdict=verdict, target=target, growth_bytes_per_1000_calls=grows)


def against(entries: Mapping[str, BaselineEntry], key: str = KEY) -> BaselineRef:
    return BaselineRef(
        path=Path("leakcheck-baseline.json"), baseline=Baseline(schema=SCHEMA, environments={key: entries})
    )


def plain_settings() -> Settings:
    return resolve(SettingsLayer(), environment={})


# --- which entries count --------------------------------------------------------------------------


def test_a_missing_baseline_names_the_command_that_makes_one(here: Path) -> None:
    with pytest.raises(
        BaselineMissing, match=r"no baseline yet; .*: leakcheck baseline update bench 'my file\.py'"
    ) as no:
        load_against(plain_settings(), ["bench", "my file.py"])
    assert no.value.exit_code == ExitCode.NO_BASELINE


@pytest.mark.parametrize("entries", [None, {}])
def test_a_foreign_baseline_names_what_is_measured_here_and_what_it_holds(
    entries: dict[str, BaselineEntry] | None,
) -> None:
    foreign = {"cpython-3.12-linux-x86_64-pymalloc": {"shop": entry()}}
    baseline = Baseline(schema=SCHEMA, environments=foreign if entries is None else {**foreign, KEY: entries})
    with pytest.raises(
        BaselineMissing, match=f"holds nothing for {KEY}, .* it holds cpython-3.12-linux-x86_64-pymalloc"
    ):
        BaselineRef(path=Path("b.json"), baseline=baseline).entries(ENVIRONMENT)


def test_two_scenarios_of_one_name_are_refused_and_variants_of_one_are_not() -> None:
    refuse_same_ids([("shop[a]", "bench/shop.py::shop"), ("shop[b]", "bench/shop.py::shop")])
    with pytest.raises(UsageError, match=r"cart\.py::parse and bench/shop\.py::parse: both are called parse"):
        refuse_same_ids([("parse", "bench/shop.py::parse"), ("parse", "bench/cart.py::parse")])


# --- what is gone ---------------------------------------------------------------------------------


def found(*whole: str, failed: Sequence[Result] = ()) -> Collection:
    return Collection(scenarios=(), failed=tuple(failed), environment={}, whole=whole)


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
def test_gone_is_what_the_targets_would_hold(
    here: Path, targets: Sequence[str], whole: Sequence[str], expected: tuple[str, ...]
) -> None:
    parsed = [parse_target(text) for text in targets]
    assert gone(ENTRIES, found(*whole), folder=Path(), targets=parsed, matches=lambda name: True) == expected


def test_what_an_expression_leaves_out_and_what_could_not_be_read_is_not_gone(here: Path) -> None:
    targets = [parse_target("bench")]
    not_b = parse_expression("not b")
    assert gone(ENTRIES, found("cart"), folder=Path(), targets=targets, matches=not_b) == ("away", "shop[a]")
    broken = replace(BROKEN, target="bench/shop.py", trouble=Failure(kind="import", message="SyntaxError"))
    empty = replace(BROKEN, target="bench/cart.py", trouble=Failure(kind="nothing", message="no scenario"))
    said = found(failed=[broken, empty])
    assert gone(ENTRIES, said, folder=Path(), targets=targets, matches=lambda name: True) == ("away", "cart")


def test_a_target_is_spelled_from_the_baseline_however_it_was_named(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert spelled("bench/shop.py::shop", Path()) == "bench/shop.py::shop"
    assert spelled(f"{here}/bench/../bench/shop.py::shop", Path()) == "bench/shop.py::shop"
    assert spelled("bench/shop.py::shop", here / "bench") == "shop.py::shop"
    assert spelled("shop.cart:checkout", Path()) == "shop.cart:checkout"
    monkeypatch.chdir(here / "bench")
    assert spelled("shop.py::shop", here) == "bench/shop.py::shop"


def test_a_strangers_targets_are_only_letters(here: Path) -> None:
    strange = {"x": entry("\0::x"), "y": entry("../../etc/passwd::y"), "z": entry("::::"), "w": entry("a" * 9000)}
    assert gone(strange, found(), folder=Path(), targets=[parse_target("bench")], matches=lambda name: True) == ()


# --- a saved run ----------------------------------------------------------------------------------

EXPLAINED = replace(
    LEAK,
    budget=Budget(growth_bytes_per_1000_calls=4096.0),
    containers=(SENT,),
    retention_paths=(SENT_PATH,),
    sites=(SITE,),
)


def test_a_saved_run_is_held_to_the_baseline_as_it_would_have_been() -> None:
    said = compared_run(
        run_of(LEAK, CLEAN, BROKEN), against({LEAK.id: entry(grows=120 * MIB)}), plain_settings(), date(2026, 1, 1)
    )
    assert [result.gate for result in said.results] == [Gate.OVER, Gate.WITHIN, Gate.ERROR]
    assert [result.is_new for result in said.results] == [False, True, False]
    assert said.baseline == "leakcheck-baseline.json"
    assert exit_codes(said) == ExitCode.SCENARIO_FAILED


def exit_codes(run: Run) -> ExitCode:
    from leakcheck.runner.session import exit_code

    return exit_code(run.results)


def test_a_known_leak_of_a_saved_run_still_does_not_fail_and_still_expires() -> None:
    worse = against({LEAK.id: entry(grows=1)})
    for expires, gate in ((None, Gate.WITHIN), (date(2025, 1, 1), Gate.OVER)):
        known = KnownEntry(match="*SENT*", reason="ticket 12", expires=expires)
        settings = replace(plain_settings(), known=(known,))
        (result,) = compared_run(run_of(EXPLAINED), worse, settings, date(2026, 1, 1)).results
        assert (result.gate, result.changes[0].gate) == (gate, Gate.OVER)


@pytest.mark.parametrize(("rest", "gate"), [(16 * 1024, Gate.WITHIN), (16 * 1024 + 1, Gate.OVER)])
def test_what_is_on_no_list_may_be_no_worse_than_the_baseline_though_it_is_within_the_budget(
    rest: float, gate: Gate
) -> None:
    # GIVEN a known leak of 100 KiB, and beside it one that is not on the list
    budget = Budget(growth_bytes_per_1000_calls=64 * 1024)
    paths = (
        replace(SENT_PATH, bytes_per_1000_calls=100 * 1024, share=0.8),
        replace(SENT_PATH, bytes_per_1000_calls=rest, share=0.2, fingerprint="b" * 12, links=()),
    )
    grown = replace(EXPLAINED, budget=budget, growth=growth(100 * 1024 + rest), retention_paths=paths, sites=())
    settings = replace(plain_settings(), known=(KnownEntry(match="*SENT*", reason="ticket 12"),))
    # WHEN nothing grew before, so that 16 KiB would not be worse
    (result,) = compared_run(run_of(grown), against({LEAK.id: entry()}), settings, date(2026, 1, 1)).results
    # THEN the rest alone decides
    assert result.gate is gate


def test_a_run_of_another_environment_cannot_be_compared() -> None:
    with pytest.raises(BaselineMissing):
        compared_run(run_of(LEAK), against({LEAK.id: entry()}, "elsewhere"), plain_settings(), date(2026, 1, 1))


# --- an update ------------------------------------------------------------------------------------


def test_an_update_accepts_what_is_sure_and_keeps_all_else(here: Path) -> None:
    old = Baseline(schema=SCHEMA, environments={"elsewhere": {"x": entry()}, KEY: {"kept": entry(), CLEAN.id: entry()}})
    update = updated(old, run_of(LEAK, CLEAN, BROKEN, UNSURE), plain_settings(), reason="ticket 12")
    assert update.baseline.environments["elsewhere"] == {"x": entry()}
    entries = update.baseline.environments[KEY]
    assert set(entries) == {"kept", LEAK.id, CLEAN.id}
    assert entries["kept"] == entry()
    assert entries[LEAK.id].reason == "ticket 12"
    assert entries[LEAK.id].target == "scenarios/newsletter/scenario.py::newsletter"
    assert update.changes_anything
    assert [result.id for result in update.refused] == ["parser", "warming"]


def test_an_update_ends_with_the_worst_of_what_it_refused(here: Path) -> None:
    def code(*results: Result, allow_inconclusive: bool = False) -> ExitCode:
        update = updated(None, run_of(*results), plain_settings())
        return update.exit_code(allow_inconclusive=allow_inconclusive)

    assert code(LEAK) == ExitCode.WITHIN
    assert code(LEAK, UNSURE) == ExitCode.INCONCLUSIVE
    assert code(LEAK, UNSURE, allow_inconclusive=True) == ExitCode.WITHIN
    assert code(LEAK, UNSURE, BROKEN) == ExitCode.SCENARIO_FAILED


def test_an_update_removes_what_is_gone_and_an_environment_that_is_empty_then(here: Path) -> None:
    old = Baseline(schema=SCHEMA, environments={KEY: {"gone": entry()}})
    update = updated(old, run_of(UNSURE), plain_settings(), gone=["gone", "never_there"])
    assert update.baseline.environments == {}
    assert update.steps == (BaselineStep(scenario="gone", before=entry(), after=None),)


def test_the_same_run_twice_changes_nothing(here: Path) -> None:
    first = updated(None, run_of(LEAK, CLEAN), plain_settings())
    second = updated(first.baseline, run_of(LEAK, CLEAN), plain_settings())
    assert first.changes_anything
    assert not second.changes_anything
    assert second.baseline == first.baseline


@pytest.mark.parametrize("run", [run_of(), run_of(BROKEN, environment=None)])
def test_of_an_empty_run_nothing_can_be_accepted(run: Run) -> None:
    with pytest.raises(NothingMeasured):
        updated(None, run, plain_settings())


def test_a_saved_run_is_picked_from_by_target_and_by_expression(here: Path) -> None:
    run = run_of(
        replace(LEAK, target="bench/shop.py::newsletter"),
        replace(CLEAN, target="bench/shop.py::newsletter"),
        replace(UNSURE, target="other.py::warming"),
    )

    def ids(expression: str, *targets: str) -> list[str]:
        parsed = [parse_target(text) for text in targets]
        chosen = picked(run, plain_settings(), parsed, parse_expression(expression))
        return [result.id for result in chosen.results]

    assert ids("retained") == [LEAK.id]
    assert ids("not retained") == [CLEAN.id, "warming"]
    assert ids("not x", "bench") == [LEAK.id, CLEAN.id]
    assert ids("not x", "other.py") == ["warming"]
    assert ids("not x", "bench/shop.py::newsletter[iterator]") == [CLEAN.id]


def test_a_run_that_was_measured_with_changes_is_refused_by_its_name() -> None:
    with pytest.raises(UsageError, match=r"^a/run: was measured with changes .* --allow-dirty"):
        refuse_dirty_run(run_of(LEAK), Path("a/run"))
    refuse_dirty_run(run_of(LEAK, environment=replace(ENVIRONMENT, git_dirty=False)), Path("a/run"))
    refuse_dirty_run(run_of(LEAK, environment=replace(ENVIRONMENT, git_dirty=None)), Path("a/run"))


def test_a_site_holds_the_requests_that_are_named_and_a_star_all_of_its_method() -> None:
    target = Target(module="django", name="shop.settings", requests=("GET:*", "POST:/order/"))
    places = ["GET:/a/", "GET:/b/?c=1", "POST:/order/", "POST:/other/"]

    held = [one for one in places if covers(target, "any", f"django:shop.settings {one}", Path())]
    assert held == ["GET:/a/", "GET:/b/?c=1", "POST:/order/"]
    assert not covers(target, "any", "django:other.settings GET:/a/", Path())


def test_a_url_that_is_left_out_is_not_gone_and_one_that_is_no_more_is() -> None:
    names = ("GET /a/", "GET /left/", "GET /gone/")
    entries = {name: entry(f"django:s {name.replace(' ', ':', 1)}") for name in names}
    target = Target(module="django", name="s", requests=("GET:*",))
    found = Collection(
        scenarios=(),
        failed=(),
        environment=None,
        whole=("GET /a/",),
        left_out=(SkippedRequest(request="GET /left/", reason="asks to log in"),),
    )

    assert gone(entries, found, folder=Path(), targets=[target], matches=lambda name: True) == ("GET /gone/",)
