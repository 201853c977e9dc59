"""What names the newsletter's database, and who uses a server of ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from leakcheck.scenario import without_password, without_passwords
from scenarios.newsletter.databases import ARMS, Address, parse_database
from scenarios.newsletter.server_users import has_users, identity_of, note_user, run_of_this_process


@pytest.mark.parametrize("name", list(ARMS))
def test_a_name_is_a_server_of_our_own(name: str) -> None:
    choice = parse_database(name)
    assert (choice.name, choice.address) == (name, None)


@pytest.mark.parametrize(
    ("url", "name", "address"),
    [
        ("postgres://ann@db", "postgresql", Address(host="db", port=5432, user="ann", password="")),
        ("mysql://ann:a%40b@[::1]:33", "mariadb", Address(host="::1", port=33, user="ann", password="a@b")),
        (
            "mariadb-pymysql://127.0.0.1/leakcheck_newsletter",
            "mariadb-pymysql",
            Address(host="127.0.0.1", port=3306, user="", password=""),
        ),
    ],
)
def test_a_url_is_a_server_of_yours(url: str, name: str, address: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEWSLETTER_PASSWORD", raising=False)
    choice = parse_database(url)
    assert (choice.name, choice.address) == (name, address)


def test_the_password_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSLETTER_PASSWORD", "tulip")
    address = parse_database("postgresql://ann@db").address
    assert address is not None
    assert address.password == "tulip"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("oracle", "write sqlite, postgresql, mariadb, mariadb-pymysql, or the URL"),
        ("sqlite:///tmp/x", "there is no such database"),
        ("postgresql://ann:tulip@db/shop", "only the database leakcheck_newsletter is ever touched"),
        ("postgresql://ann:tulip@db:many", "this is no URL"),
    ],
)
def test_what_names_no_database_is_said_with_the_remedy_and_without_the_password(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as raised:
        parse_database(text)
    assert "tulip" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("--database=postgresql://ann:tulip@db/x", "--database=postgresql://ann:***@db/x"),
        ("mysql://:tu@lip@db", "mysql://:***@db"),
        ("postgresql://ann@db:5432", "postgresql://ann@db:5432"),
        ("scenarios.py::send[a:b@c]", "scenarios.py::send[a:b@c]"),
    ],
)
def test_a_password_in_a_url_is_not_written_down(text: str, kept: str) -> None:
    assert without_password(text) == kept
    assert without_passwords({"database": text, "rows": 20}) == {"database": kept, "rows": 20}


def test_a_user_counts_as_long_as_it_lives(tmp_path: Path) -> None:
    assert not has_users(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        note_user(tmp_path, other.pid)
        assert has_users(tmp_path)
        other.kill()
        while identity_of(other.pid):
            pass  # a killed process that nobody has waited for does not count either
        assert not has_users(tmp_path)
    assert not list((tmp_path / "users").iterdir())


def test_a_measured_process_is_a_part_of_who_started_it() -> None:
    asking = "from scenarios.newsletter.server_users import run_of_this_process as run; print(run())"
    forked = f"import os; os.fork() and os.wait() and os._exit(0); {asking}"
    for program in (asking, forked):
        told = subprocess.run(
            [sys.executable, "-c", program], start_new_session=True, capture_output=True, text=True, check=True
        )
        assert int(told.stdout) == os.getpid()


def test_any_other_process_is_a_run_of_its_own() -> None:
    program = (
        "import os; os.setpgid(0, 0); from scenarios.newsletter.server_users import run_of_this_process as run; "
        "print(run() == os.getpid())"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "True"
    assert run_of_this_process() > 1
