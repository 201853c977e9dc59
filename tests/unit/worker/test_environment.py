"""The names and versions of installed packages are read from metadata of any form."""

from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from leakcheck.worker import collect, environment
from leakcheck.worker.environment import name_and_version


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
    assert kind == "trouble"
    assert fields["trouble"]["message"] == "OSError: no such libc"


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
