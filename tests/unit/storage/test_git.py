"""git: the commit, uncommitted files whatever they are called, and None outside of a repository."""

import subprocess
from pathlib import Path

import pytest

from leakcheck.storage import git as repository
from leakcheck.worker import environment


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, as the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text("first\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "A shop")
    return tmp_path


def git(*arguments: str) -> None:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


def test_a_clean_tree_has_a_commit_and_no_changes(tree: Path) -> None:
    assert repository.changed_files() == ()
    assert len(repository.commit() or "") == 40


def test_changed_added_renamed_and_removed_files_are_listed_relative_to_the_top(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("kept.py", "moved.py"):
        (tree / name).write_text(f"{name}\n" * 9)
    git("add", ".")
    git("commit", "-qm", "More")
    (tree / "shop.py").write_text("second\n")
    (tree / "kept.py").unlink()
    git("mv", "moved.py", "away.py")
    (tree / 'a "quoted" näme.py').touch()
    below = tree / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    changed = repository.changed_files()
    assert changed is not None
    assert set(changed) == {"shop.py", "kept.py", "moved.py", "away.py", 'a "quoted" näme.py'}


def test_caches_of_python_and_files_of_ours_are_left_out_and_their_neighbours_are_not(tree: Path) -> None:
    for name in ("reports/run/run.json", "bench/__pycache__/shop.pyc", "accepted.json", "reports.py"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).touch()
    besides = [Path("reports"), Path("accepted.json"), Path("/elsewhere/reports")]
    assert repository.changed_files(besides) == ("reports.py",)


def test_before_the_first_commit_every_file_is_uncommitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    (tmp_path / "shop.py").touch()
    assert repository.commit() is None
    assert repository.changed_files() == ("shop.py",)


def test_without_a_repository_or_without_git_the_answer_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert (repository.commit(), repository.changed_files()) == (None, None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (repository.commit(), repository.changed_files()) == (None, None)


@pytest.mark.parametrize(
    ("pythonmalloc", "allocator"),
    [
        ("", "pymalloc"),
        ("default", "pymalloc"),
        ("pymalloc", "pymalloc"),
        ("malloc", "malloc"),
        ("debug", "pymalloc_debug"),
        ("malloc_debug", "malloc_debug"),
    ],
)
def test_an_allocator_has_one_name_however_it_was_chosen(pythonmalloc: str, allocator: str) -> None:
    assert environment._allocator(pythonmalloc) == allocator
