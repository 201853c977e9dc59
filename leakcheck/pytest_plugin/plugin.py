"""The hooks of the pytest plugin: `@pytest.mark.leakcheck`, the fixture `leakcheck`, `--leakcheck` and the summary.

The process that runs the tests replays them, and loads little: whatever is expensive to load is loaded by the judge, a
process of its own. When pytest starts, this package imports only the standard library, pytest and a few modules of
`leakcheck.model`; the worker's modules follow when a test is to be measured.
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
    """Read the options; the judge is started only when a test is to be measured."""
    config.addinivalue_line("markers", DESCRIPTION)
    judge_client = JudgeClient(config, read_options(config), _STARTUP_ENVIRONMENT)
    config.stash[JUDGE_CLIENT] = judge_client
    config.stash[ISOLATED_SESSION] = find_isolated_session(config)
    if config.stash[ISOLATED_SESSION] is not None:
        judge_client.load()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(TerminalSummary(judge_client), "leakcheck-summary")


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the judge."""
    judge_client = config.stash.get(JUDGE_CLIENT, None)
    if judge_client is not None:
        judge_client.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Read the markers, so that an error in one is reported before any test runs."""
    measure_all = config.stash[JUDGE_CLIENT].options.everything
    for item in items:
        try:
            marker_args = item_marker_args(item)
        except pytest.UsageError as error:
            if not hasattr(config, "workerinput"):
                raise
            item.stash[_MARKER_ERROR], marker_args = str(error), None  # xdist would take it for a crash
        item.stash[IS_MARKED] = marker_args is not None
        if marker_args is not None or measure_all:
            item.stash[MARKER_ARGS] = marker_args or MarkerArgs()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Start the judge before any fixture is set up: one may patch, for the whole session, what starting it needs."""
    config, judge_client = session.config, session.config.stash[JUDGE_CLIENT]
    if (
        config.stash[ISOLATED_SESSION] is not None
        or config.option.collectonly
        or not any(map(is_measured, session.items))
    ):
        return
    judge_client.setups.start_is_over()
    config.pluginmanager.register(judge_client.setups, "leakcheck-setups")
    try:
        judge_client.start()
    except OSError:
        pass  # the first measurement tries again, and fails its test


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Connect to the judge; report an error in a marker that could not be reported at collection."""
    judge_client = item.config.stash[JUDGE_CLIENT]
    judge_client.setups.test_begins()
    if is_measured(item) and item.config.stash[ISOLATED_SESSION] is None:
        judge_client.connect()
    marker_error = item.stash.get(_MARKER_ERROR, None)
    if marker_error is not None:
        raise LeakcheckFailed(marker_error)


@pytest.fixture
def leakcheck(request: pytest.FixtureRequest) -> Leakcheck:
    """Measure a callable: `assert leakcheck(func).growth <= "64 KiB / 1000 calls"`."""
    return Leakcheck(request.node)


# hooks may have any name with this prefix, so a module can have two of one hook
@pytest.hookimpl(specname="pytest_pyfunc_call", wrapper=True, tryfirst=True)
def pytest_pyfunc_call_measured(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Measure a function test, inside its async plugin's set-up and outside the plugins that trace it."""
    measurement = measurement_of(pyfuncitem)
    if measurement is None:
        return (yield)
    original = pyfuncitem.obj
    if not measurement.before(callables.function_callable(pyfuncitem)):
        pyfuncitem.obj = callables.do_nothing
    try:
        result = yield
    finally:
        pyfuncitem.obj = original
    measurement.after()
    return result


@pytest.hookimpl(specname="pytest_pyfunc_call")
def pytest_pyfunc_call_async(pyfuncitem: pytest.Function) -> object:
    """Run a marked `async def` test that no plugin handles."""
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
    """Measure a method of a TestCase, at the point where unittest calls it."""
    measurement = measurement_of(item) if isinstance(item, TestCaseFunction) else None
    if measurement is None:
        yield
        return
    assert isinstance(item, TestCaseFunction)
    with callables.replaced_method(item, measurement.before) as has_passed:
        yield
    if has_passed():
        measurement.after()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Attach the measurement to the report, and let pytest-memray check the same test for its own markers."""
    leakcheck_error = call.excinfo.value if call.when == "call" and call.excinfo is not None else None
    has_both = isinstance(leakcheck_error, LeakcheckFailed) and _has_memray_marker(item)
    if has_both:
        call.excinfo = None  # pytest-memray checks only tests that have passed
    report = yield
    if call.when != "call":
        return report
    if has_both:
        memray_text = "" if report.passed else f"\n\n{report.longrepr}"
        report.outcome, report.longrepr = "failed", f"{leakcheck_error}{memray_text}"
    attach_to_report(report, item, whole=item.config.stash[JUDGE_CLIENT].options.json is not None)
    return report


def _has_memray_marker(item: pytest.Item) -> bool:
    marks = {mark.name for mark in item.iter_markers()}
    return (
        item.config.pluginmanager.hasplugin("memray_manager")
        and bool(marks.intersection(_MEMRAY_MARKERS))
        and ("xfail" not in marks)
    )
