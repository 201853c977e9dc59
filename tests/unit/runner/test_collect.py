"""Which files of a folder hold scenarios, read without running them."""

from pathlib import Path

import pytest

from leakcheck.runner.collect import scenario_files

SCENARIO = "from leakcheck import scenario\n\n@scenario\ndef parse(): ...\n"


def files_in(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in scenario_files(folder)]


def write(folder: Path, name: str, text: str = SCENARIO) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_files_that_hold_scenarios_are_found_below_a_folder_in_order(tmp_path: Path) -> None:
    for name in ("b.py", "a.py", "deep/down/c.py"):
        write(tmp_path, name)
    assert files_in(tmp_path) == ["a.py", "b.py", "deep/down/c.py"]


@pytest.mark.parametrize(
    "text",
    [
        "@scenario\ndef f(): ...",
        "@scenario()\ndef f(): ...",
        "@scenario(growth='1 B')\nasync def f(): ...",
        "@leakcheck.scenario\ndef f(): ...",
        "@leakcheck.scenario(peak='1 B')\n@other\ndef f(): ...",
        "@other\n@scenario\ndef f(): yield",
    ],
)
def test_every_form_of_the_decorator_is_recognized(tmp_path: Path, text: str) -> None:
    write(tmp_path, "marked.py", text)
    assert files_in(tmp_path) == ["marked.py"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "def scenario(): ...",
        "# @scenario\ndef f(): ...",
        "'''\n@scenario\ndef f(): ...\n'''",
        "@scenarios\ndef f(): ...",
        "def outer():\n    @scenario\n    def f(): ...",
        "scenario = 1\ndef f(:",
    ],
)
def test_a_file_without_the_decorator_is_not_found(tmp_path: Path, text: str) -> None:
    write(tmp_path, "plain.py", text)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("folder", ["__pycache__", "node_modules", "site-packages", ".git", ".venv"])
def test_folders_of_third_party_code_are_not_entered(tmp_path: Path, folder: str) -> None:
    write(tmp_path, f"{folder}/marked.py")
    assert files_in(tmp_path) == []


def test_a_virtual_environment_is_recognized_by_its_pyvenv_cfg(tmp_path: Path) -> None:
    write(tmp_path, "python311/lib/marked.py")
    write(tmp_path, "python311/pyvenv.cfg", "")
    assert files_in(tmp_path) == []


def test_a_file_that_names_leakcheck_and_does_not_parse_is_found_so_that_its_error_is_reported(tmp_path: Path) -> None:
    write(tmp_path, "broken.py", "from leakcheck import scenario\n@scenario\ndef f(:")
    assert files_in(tmp_path) == ["broken.py"]


def test_a_binary_file_and_a_broken_link_are_ignored(tmp_path: Path) -> None:
    (tmp_path / "bytes.py").write_bytes(b"\x00\xff scenario")
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    (tmp_path / "text.txt").write_text(SCENARIO)
    assert files_in(tmp_path) == []


def test_searching_runs_no_code(tmp_path: Path) -> None:
    write(tmp_path, "marked.py", f"{SCENARIO}\nraise SystemExit('I ran')\n")
    assert files_in(tmp_path) == ["marked.py"]
