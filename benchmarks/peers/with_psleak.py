"""psleak: `MemoryLeakTestCase` with its defaults, under the test environment that its README recommends."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peers.words import Answered, Peer, Said, Verdict

TIMES = 200
"""psleak's default; it is multiplied where more calls are wanted."""

TEST = """\
from psleak import MemoryLeakTestCase

from peers.bodies import body

function = body()


class TestLeaks(MemoryLeakTestCase):
    def test_function(self):
        self.execute(function{times})
"""
_ERROR = re.compile(
    r"^E\s+(?:psleak\.)?(MemoryLeakError|Unclosed\w+Error|UncollectableGarbageError): *(.*)$", re.MULTILINE
)
_RUN = re.compile(r"Run #\s*\d+: (.*?)\(calls=\s*(\d+), avg/call=\+(\d+)B?\)")
_METER = re.compile(r"(\w+)=\+(\d+)")


def read(ran: Answered, facts: Mapping[str, Any], factor: int) -> Said:
    """Return what its test said: passed, or the error that psleak raised."""
    error = _ERROR.search(ran.output)
    calls = facts.get("calls")
    if error is None:
        if ran.exit_code == 0 and " passed" in ran.output:
            return Said(verdict=Verdict.CLEAN, calls=calls)
        return Said(verdict=Verdict.NONE, detail=ran.last_words)
    runs = _RUN.findall(ran.output)
    meters, times, _ = runs[-1] if runs else ("", "0", "0")
    grew = {name: int(number) for name, number in _METER.findall(meters)}
    heap = grew.get("heap", next(iter(grew.values()), None))
    return Said(
        verdict=Verdict.LEAK,
        calls=calls,
        bytes_per_call=heap / int(times) if heap is not None and int(times) else None,
        detail=f"{error[1]}: {error[2]}",
    )


def arguments(folder: Path, factor: int) -> list[str]:
    """Write the test file as psleak's README shows it, and return pytest's arguments."""
    file = folder / "test_memleaks.py"
    file.write_text(TEST.format(times=f", times={TIMES * factor}" if factor > 1 else ""), encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return [str(file)]


PEER = Peer(
    name="psleak",
    packages=("psleak", "pytest"),
    settings="`MemoryLeakTestCase.execute(function)` with its defaults (10 calls to warm up, 200 a run and half as "
    "many again each time, 10 runs), `PYTHONMALLOC=malloc PYTHONUNBUFFERED=1 python -m pytest test_memleaks.py`",
    rule="leak when the test fails with one of psleak's errors: memory, descriptors, threads, uncollectable objects",
    source="https://github.com/giampaolo/psleak#readme",
    module="pytest",
    arguments=arguments,
    environment={"PYTHONMALLOC": "malloc", "PYTHONUNBUFFERED": "1"},
    read=read,
)
