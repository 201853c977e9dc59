"""`leakcheck doctor`, as a user asks it: here, in another Python, where settings are broken, and for an issue."""

import getpass
import json
import socket
import sys
from pathlib import Path
from typing import Any

from tests.live.command import Leakcheck


def asked(leakcheck: Leakcheck, *arguments: str, code: int = 0, **environment: str) -> str:
    ran = leakcheck.finish(leakcheck.start("doctor", *arguments, environment=environment))
    assert ran.code == code, ran.output + ran.errors
    return ran.output


def findings(leakcheck: Leakcheck, *arguments: str, code: int = 0, **environment: str) -> dict[str, dict[str, Any]]:
    document = json.loads(asked(leakcheck, "--json", *arguments, code=code, **environment))
    assert document["schema"] == "leakcheck.doctor/2"
    return {one["name"]: one for one in document["findings"]}


def test_here_everything_is_exact_and_nothing_of_the_users_is_imported(leakcheck: Leakcheck) -> None:
    leakcheck.write("django.py", "raise SystemExit('the user's own module was imported')")
    told = asked(leakcheck)
    assert "Growth is exact to the byte, for Python and native memory; memray measures the peak." in told


def test_a_bare_python_is_lent_memray_and_one_that_is_none_is_told(leakcheck: Leakcheck, bare_python: Path) -> None:
    found = findings(leakcheck, "--python", str(bare_python))
    assert "from leakcheck's environment" in found["memray"]["message"]
    assert found["Django"]["state"] == "note"
    # AND what does not answer is broken, and not an error of ours
    found = findings(leakcheck, "--python", "/bin/true", code=2)
    assert found["Python"]["state"] == "broken"
    assert found["matplotlib"]["state"] in ("ok", "note")


def test_settings_that_cannot_be_used_end_with_two(leakcheck: Leakcheck) -> None:
    leakcheck.write("pyproject.toml", "[tool.leakcheck]\ngrowht = '1 KiB'\n")
    found = findings(leakcheck, code=2)
    assert "did you mean growth?" in found["settings"]["message"]
    assert str(leakcheck.folder) not in found["settings"]["message"]


def test_under_raw_malloc_the_meter_of_malloc_has_everything(leakcheck: Leakcheck) -> None:
    found = findings(leakcheck, PYTHONMALLOC="malloc")
    assert found["allocator"]["message"] == "malloc"
    assert found["Python's live bytes"]["state"] == found["native live bytes"]["state"] == "ok"


def test_what_goes_into_an_issue_names_nobody(leakcheck: Leakcheck) -> None:
    leakcheck.write("leakcheck-baseline.json", "<<<<<<< ours\n")
    told = asked(leakcheck, "--markdown", LEAKCHECK_OUTPUT="/srv/secret/reports")
    assert told.startswith("~~~~~~~~text\nleakcheck ")
    assert "LEAKCHECK_OUTPUT" in told
    private = ["secret", str(leakcheck.folder), str(Path.home()), sys.prefix, f"/{getpass.getuser()}/"]
    if len(host := socket.gethostname()) > 4:
        private.append(host)
    assert [word for word in private if word in told] == []
