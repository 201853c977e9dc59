"""Where a result belongs in the sources under review."""

from dataclasses import replace

import pytest

from leakcheck.model.explanation import Explanation, PeakSite
from leakcheck.model.failure import Failure, FailureKind
from leakcheck.model.result import Result
from leakcheck.model.stacks import FrameKind
from leakcheck.reporters.locations import Location, Workspace, locate, source_of
from tests.unit.causes import SITE
from tests.unit.reported import EXPLAINED, PEAKS
from tests.unit.runs import BROKEN, CLEAN, LEAK, MIB, UNSURE

WORKSPACE = Workspace(root="/srv", base_folder="/srv/service")
VIEW = Location(file="service/scenarios/newsletter/views.py", line=41)
SCENARIO = Location(file="service/scenarios/newsletter/scenario.py")


@pytest.mark.parametrize(
    ("file", "relative"),
    [
        ("shop/views.py", "service/shop/views.py"),
        ("/srv/service/shop/views.py", "service/shop/views.py"),
        ("../library/x.py", "library/x.py"),
        ("./x.py", "service/x.py"),
        ("../../x.py", None),
        ("/srvs/x.py", None),
        ("/srv", None),
        ("/usr/lib/x.py", None),
    ],
)
def test_a_path_is_relative_to_the_workspace(file: str, relative: str | None) -> None:
    assert WORKSPACE.relative(file) == relative


def test_the_workspace_may_be_the_root_folder() -> None:
    assert Workspace(root="/", base_folder="/srv").relative("x.py") == "srv/x.py"


def peak_at(file: str) -> PeakSite:
    frame = replace(SITE.frame, file=file, line=7)
    return PeakSite(bytes=MIB, share=0.9, frames=(frame,), stacks=1)


@pytest.mark.parametrize(
    ("result", "location"),
    [
        (EXPLAINED, VIEW),
        (PEAKS, VIEW),
        # a broken peak is its peak's
        (
            replace(
                PEAKS, explanation=replace(PEAKS.explanation, allocation_sites=(SITE,)), peak_sites=(peak_at("p.py"),)
            ),
            Location(file="service/p.py", line=7),
        ),
        # what grows is told first where both are broken, and no peak where only the growth is
        (replace(EXPLAINED, peak_sites=(peak_at("p.py"),)), VIEW),
        (
            replace(
                EXPLAINED,
                over_budget=("growth",),
                explanation=replace(EXPLAINED.explanation, allocation_sites=()),
                peak_sites=(peak_at("p.py"),),
            ),
            SCENARIO,
        ),
        # files that stay open have no line
        (replace(EXPLAINED, over_budget=("open files",)), SCENARIO),
        (replace(UNSURE, explanation=Explanation(allocation_sites=(SITE,))), VIEW),
        (LEAK, SCENARIO),
        (CLEAN, SCENARIO),
        (replace(LEAK, target="shop.cart:checkout"), None),
        (replace(LEAK, target="/elsewhere/bench.py::f"), None),
        (replace(LEAK, target="bench.py"), Location(file="service/bench.py")),
    ],
)
def test_a_result_is_located(result: Result, location: Location | None) -> None:
    assert locate(result, WORKSPACE) == location


def test_a_site_without_a_line_of_the_users_is_skipped() -> None:
    library = replace(SITE, frames=tuple(replace(frame, kind=FrameKind.LIBRARY) for frame in SITE.frames))
    assert (
        locate(replace(EXPLAINED, explanation=replace(EXPLAINED.explanation, allocation_sites=(library,))), WORKSPACE)
        == SCENARIO
    )


def test_a_site_outside_of_the_workspace_is_skipped_for_the_next() -> None:
    outside = replace(SITE, frames=(replace(SITE.frame, file="/elsewhere/x.py"),))
    assert (
        locate(
            replace(EXPLAINED, explanation=replace(EXPLAINED.explanation, allocation_sites=(outside, SITE))), WORKSPACE
        )
        == VIEW
    )


DETAILS = """\
  File "/srv/service/shop/cart.py", line 12, in pay
    charge()
  File "/srv/service/.venv/lib/python3.11/site-packages/stripe/api.py", line 99, in charge
    raise Declined
  File "/usr/lib/python3.11/json/decoder.py", line 5, in decode"""


@pytest.mark.parametrize(
    ("details", "location"),
    [
        (DETAILS, Location(file="service/shop/cart.py", line=12)),
        ('  File "bench.py", line 3\n', Location(file="service/bench.py", line=3)),
        ("no traceback", Location(file="service/scenarios/parser.py")),
        ('  File "/elsewhere/x.py", line 3', Location(file="service/scenarios/parser.py")),
        ('  File "x.py", line 99999999999999999999', Location(file="service/x.py", line=999999999)),
    ],
)
def test_an_error_is_located_at_the_users_innermost_line_of_its_traceback(details: str, location: Location) -> None:
    failed = replace(BROKEN, failure=Failure(kind=FailureKind.RAISED, message="E", details=details))
    assert locate(failed, WORKSPACE) == location


@pytest.mark.parametrize(
    ("target", "file"),
    [
        ("scenarios/x.py::f[v]", "scenarios/x.py"),
        ("scenarios/x.py", "scenarios/x.py"),
        ("shop.cart:Cart.pay", "shop/cart.py"),
        ("shop", "shop.py"),
    ],
)
def test_a_target_names_a_file(target: str, file: str) -> None:
    assert source_of(target) == file
