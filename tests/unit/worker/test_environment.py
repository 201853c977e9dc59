"""The names and versions of installed packages are read from metadata of any form."""

import sys
from importlib.metadata import PathDistribution, distributions
from pathlib import Path

import pytest

from leakcheck.worker import collect, environment
from leakcheck.worker.environment import name_and_version, packages_in_folders


def test_a_broken_package_has_no_name_or_version(tmp_path: Path) -> None:
    folder = tmp_path / "shop-1.2.dist-info"
    folder.mkdir()
    assert name_and_version(PathDistribution(folder)) == (None, None)
    (folder / "METADATA").write_bytes(b"Metadata-Version: 2.1\nName: caf\xe9\nVersion: 1.2\n")
    assert name_and_version(PathDistribution(folder)) == (None, None)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_failure_in_the_forked_child_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OSError("no such libc")

    monkeypatch.setattr(environment, "environment", fail)
    kind, fields = collect._environment_from_fork()
    assert kind == "failure"
    assert fields["failure"]["message"] == "OSError: no such libc"


@pytest.mark.parametrize(
    "metadata",
    [
        "Metadata-Version: 2.1\nName: shop\nVersion: 1.2\nSummary: sells\n\nName: another\nVersion: 9\n",
        "Metadata-Version: 2.1\nname: shop\nversion: 1.2\n",
        f"Metadata-Version: 2.1\nSummary: {'sells ' * 300}\nName: shop\nVersion: 1.2\n",
        f"Metadata-Version: 2.1\nName: shop\nSummary: {'sells ' * 300}\nVersion: 1.2\n",
        f"Metadata-Version: 2.1\nName: shop\nSummary: {'s' * 946}\nVersion: 1.2\n",
    ],
    ids=["as all are", "in lower case", "after long words", "the version after long words", "cut off in the version"],
)
def test_the_name_and_version_of_a_package_are_read_from_its_metadata(tmp_path: Path, metadata: str) -> None:
    folder = tmp_path / "shop-1.2.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(metadata)
    assert name_and_version(PathDistribution(folder)) == ("shop", "1.2")


SHOP = "Metadata-Version: 2.1\nName: shop\nVersion: 1.2\n"


def test_packages_in_folders_are_those_that_python_finds() -> None:
    found = {(one.metadata["Name"], one.version) for one in distributions()}
    assert set(packages_in_folders(sys.path) or ()) == found


@pytest.mark.parametrize(("folder", "file"), [("shop-1.2.dist-info", "METADATA"), ("Shop.egg-info", "PKG-INFO")])
def test_a_folder_beside_the_package_tells_it(tmp_path: Path, folder: str, file: str) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / file).write_text(SHOP)
    (tmp_path / "shop.py").touch()
    assert packages_in_folders([str(tmp_path / "gone"), str(tmp_path)]) == [("shop", "1.2")]


@pytest.mark.parametrize("unusual", ["shop.egg", "shop.zip", "a.dist-info", "b.egg-info", "c.dist-info/METADATA"])
def test_what_is_kept_in_another_way_is_left_to_pythons_own_finder(tmp_path: Path, unusual: str) -> None:
    """GIVEN an egg, a file in the place of a folder, and folders that tell nothing."""
    path = tmp_path / unusual
    path.parent.mkdir(exist_ok=True)
    if unusual in ("shop.egg", "a.dist-info"):
        path.mkdir()
    else:
        path.touch()
    assert packages_in_folders([str(path if unusual.startswith("shop") else tmp_path)]) is None


def test_packages_that_another_finder_has_are_told_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "shop-1.2.dist-info").mkdir()
    (tmp_path / "shop-1.2.dist-info" / "METADATA").write_text(SHOP)

    class Elsewhere:
        def find_spec(self, *_: object) -> None: ...

        def find_distributions(self, *_: object) -> list[PathDistribution]:
            return [PathDistribution(tmp_path / "shop-1.2.dist-info")]

    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Elsewhere()])
    assert environment.environment()["packages"]["shop"] == "1.2"
