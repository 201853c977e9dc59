"""Growing containers and retention paths: shares, order, fingerprints."""

from dataclasses import replace

from leakcheck.analysis.explain.retention import Candidate, containers_of, largest_share, paths_of
from leakcheck.model.explanation import GrowingContainer, Link
from leakcheck.model.stacks import Frame, FrameKind

LIST = Candidate(
    links=(Link(step="views", type="module"), Link(step=".SENT", type="list"), Link(step="[*]", type="QuerySet")),
    anchor=2,
    container=GrowingContainer(name="views.SENT", kind="list", length=100, length_per_call=1.0),
    bytes_per_call=900.0,
)
CHAIN = Candidate(
    links=(Link(step="views", type="module"), Link(step=".Chain.last", type="Node")), anchor=2, bytes_per_call=95.0
)
UNWEIGHED = Candidate(links=(Link(step="views", type="module"), Link(step=".X", type="dict")), anchor=2)


def test_the_heaviest_path_comes_first_and_unweighed_ones_last() -> None:
    paths = paths_of([UNWEIGHED, CHAIN, LIST], 1_000_000)
    assert [path.links[1].step for path in paths] == [".SENT", ".Chain.last", ".X"]
    assert [path.share for path in paths] == [0.9, 0.095, None]
    assert [path.bytes_per_1000_calls for path in paths] == [900_000, 95_000, None]


def test_a_container_and_its_path_have_one_fingerprint() -> None:
    (container,) = containers_of([LIST, CHAIN], 1_000_000)
    assert container.fingerprint == paths_of([LIST], 1_000_000)[0].fingerprint


def test_what_a_container_holds_does_not_change_its_fingerprint() -> None:
    other = Candidate(links=(*LIST.links[:2], Link(step="[*]", type="Row")), anchor=2)
    assert paths_of([other], 1.0)[0].fingerprint == paths_of([LIST], 1.0)[0].fingerprint
    assert paths_of([CHAIN], 1.0)[0].fingerprint != paths_of([LIST], 1.0)[0].fingerprint


def test_the_users_lines_are_part_of_the_path() -> None:
    line = Frame(function="receiver", file="shop/signals.py", line=7, kind=FrameKind.OWN, source="def receiver(**kw):")
    (path,) = paths_of([replace(LIST, kept_function=line, set_at=line)], 1.0)
    assert (path.kept_function, path.set_at) == (line, line)


def test_without_a_growth_there_are_no_shares() -> None:
    assert paths_of([LIST], 0.0)[0].share is None
    assert largest_share([LIST], 0.0) == 0.0
    assert largest_share([], 1000.0) == 0.0
    assert largest_share([LIST, CHAIN], 1_000_000) == 0.9
