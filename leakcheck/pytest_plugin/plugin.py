"""The pytest plugin: `@pytest.mark.leakcheck`, the fixture `leakcheck`, `--leakcheck`, and the summary.

The process that runs the tests replays them, and stays lean: whatever is dear to load is loaded by the
judge beside it. This package imports the standard library, pytest and the words when pytest starts, and
the worker's modules when the first test is measured.
"""

from collections.abc import Generator

import pytest
from _pytest.unittest import TestCaseFunction

from leakcheck.pytest_plugin import callables
from leakcheck.pytest_plugin.fixture import Leakcheck
from leakcheck.pytest_plugin.isolated_command import startup_environment
from leakcheck.pytest_plugin.judge_client import JudgeClient
from leakcheck.pytest_plugin.marker import DESCRIPTION, MarkerArgs, item_marker_args
from leakcheck.pytest_plugin.measurement import (
    IS_MARKED,
    ISOLATED_SESSION,
    JUDGE_CLIENT,
    MARKER_ARGS,
    LeakcheckFailed,
    find_isolated_session,
    is_measured,
    measurement_of,
)
from leakcheck.pytest_plugin.options import add_options, read_options
from leakcheck.pytest_plugin.terminal_summary import TerminalSummary, attach_to_report

__all__ = ["Leakcheck", "LeakcheckFailed"]

_STARTUP_ENVIRONMENT = startup_environment()
_MARKER_ERROR = pytest.StashKey[str]()
_MEMRAY_MARKERS = ("limit_memory", "limit_leaks", "limit_leaked_objects")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Read the options; nothing is started before a test is to be measured."""
    config.addinivalue_line("markers", DESCRIPTION)
    desk = JudgeClient(config, read_options(config), _STARTUP_ENVIRONMENT)
    config.stash[JUDGE_CLIENT] = desk
    config.stash[ISOLATED_SESSION] = find_isolated_session(config)
    if config.stash[ISOLATED_SESSION] is not None:
        desk.load()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(TerminalSummary(desk), "leakcheck-summary")


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the judge."""
    desk = config.stash.get(JUDGE_CLIENT, None)
    if desk is not None:
        desk.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Read the marks, so that a mistake in one is told before any test runs."""
    everything = config.stash[JUDGE_CLIENT].options.everything
    for item in items:
        try:
            terms = item_marker_args(item)
        except pytest.UsageError as error:
            if not hasattr(config, "workerinput"):
                raise
            item.stash[_MARKER_ERROR], terms = str(error), None  # xdist would take it for a crash
        item.stash[IS_MARKED] = terms is not None
        if terms is not None or everything:
            item.stash[MARKER_ARGS] = terms or MarkerArgs()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Make ready to measure before any fixture is set up: one may patch what that takes, for the whole session."""
    config, desk = session.config, session.config.stash[JUDGE_CLIENT]
    if (
        config.stash[ISOLATED_SESSION] is not None
        or config.option.collectonly
        or not any(map(is_measured, session.items))
    ):
        return
    desk.setups.start_is_over()
    config.pluginmanager.register(desk.setups, "leakcheck-setups")
    try:
        desk.open()
    except OSError:
        pass  # the first measurement tries again, and its test fails


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Call the judge; tell a mistake in a mark where it could not be told before."""
    desk = item.config.stash[JUDGE_CLIENT]
    desk.setups.test_begins()
    if is_measured(item) and item.config.stash[ISOLATED_SESSION] is None:
        desk.call()
    mistake = item.stash.get(_MARKER_ERROR, None)
    if mistake is not None:
        raise LeakcheckFailed(mistake)


@pytest.fixture
def leakcheck(request: pytest.FixtureRequest) -> Leakcheck:
    """Measure a callable: `assert leakcheck(func).growth <= "64 KiB / 1000 calls"`."""
    return Leakcheck(request.node)


# the names only have to begin so
@pytest.hookimpl(specname="pytest_pyfunc_call", wrapper=True, tryfirst=True)
def pytest_pyfunc_call_measured(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Measure a function test, inside of what its async plugin sets up and outside of what traces it."""
    work = measurement_of(pyfuncitem)
    if work is None:
        return (yield)
    body = pyfuncitem.obj
    if not work.before(callables.function_callable(pyfuncitem)):
        pyfuncitem.obj = callables.do_nothing
    try:
        result = yield
    finally:
        pyfuncitem.obj = body
    work.after()
    return result


@pytest.hookimpl(specname="pytest_pyfunc_call")
def pytest_pyfunc_call_async(pyfuncitem: pytest.Function) -> object:
    """Run an `async def` test that is marked and that no plugin is there for."""
    if not pyfuncitem.stash.get(IS_MARKED, False) or not callables.is_async(pyfuncitem.obj):
        return None
    for run in callables.plugins_for_async(pyfuncitem):
        result = run(pyfuncitem)
        if result is not None:
            return result
    callables.run_async(pyfuncitem)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Measure a method of a TestCase, in the place where unittest calls it."""
    work = measurement_of(item) if isinstance(item, TestCaseFunction) else None
    if work is None:
        yield
        return
    assert isinstance(item, TestCaseFunction)
    with callables.replaced_method(item, work.before) as has_passed:
        yield
    if has_passed():
        work.after()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the measurement on the report; let pytest-memray's marks have their say on the same test."""
    ours = call.excinfo.value if call.when == "call" and call.excinfo is not None else None
    shared = isinstance(ours, LeakcheckFailed) and _has_memray_marker(item)
    if shared:
        call.excinfo = None  # it looks at what has passed only
    report = yield
    if call.when != "call":
        return report
    if shared:
        found = "" if report.passed else f"\n\n{report.longrepr}"
        report.outcome, report.longrepr = "failed", f"{ours}{found}"
    attach_to_report(report, item, whole=item.config.stash[JUDGE_CLIENT].options.json is not None)
    return report


def _has_memray_marker(item: pytest.Item) -> bool:
    marks = {mark.name for mark in item.iter_markers()}
    return (
        item.config.pluginmanager.hasplugin("memray_manager")
        and bool(marks.intersection(_MEMRAY_MARKERS))
        and ("xfail" not in marks)
    )
