"""Ask one tool about one function, in a process of its own, and learn what that cost."""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from running import ROOT, Ran, run, run_leakcheck

from peers import with_leakcheck
from peers.bodies import ANSWER, ANSWER_FILE, BODY
from peers.registry import LEAKCHECK, PEERS
from peers.words import Body, Peer, Said, Verdict

BENCHMARKS = ROOT / "benchmarks"
_BY_NAME = {peer.name: peer for peer in PEERS}

# what is lent comes last, so that the arm's own packages are the ones that it sees
_LAUNCH = """
import runpy, sys
sys.path += sys.argv.pop(1).split(":")
name = sys.argv.pop(1)
runpy.run_module(name, run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a tool said, and the cost of its whole command with all its children."""

    said: Said
    cpu_seconds: float
    wall_seconds: float
    timed_out: bool


def ask(tool: str, body: Body, lent: Path, *, factor: int = 1, timeout_seconds: float) -> Answer:
    """Ask a tool, with `factor` times its usual calls; leakcheck decides on its calls by itself."""
    if tool == LEAKCHECK:
        results, complaint, ran = run_leakcheck(
            with_leakcheck.arguments(body),
            folder=body.folder,
            environment=body.environment,
            timeout_seconds=timeout_seconds,
        )
        return _answer(with_leakcheck.read(results, complaint), ran)
    return _ask_peer(_BY_NAME[tool], body, lent, factor, timeout_seconds)


def _ask_peer(peer: Peer, body: Body, lent: Path, factor: int, timeout_seconds: float) -> Answer:
    with tempfile.TemporaryDirectory(prefix="beside-") as place:
        folder = Path(place)
        search = os.pathsep.join((str(BENCHMARKS), str(lent)))
        ran = run(
            [str(body.python), "-c", _LAUNCH, search, peer.module, *peer.arguments(folder, factor)],
            folder=body.folder,
            environment={**body.environment, **peer.environment, BODY: _as_json(body), ANSWER: place},
            timeout_seconds=timeout_seconds,
        )
        left = folder / ANSWER_FILE
        facts = json.loads(left.read_text(encoding="utf-8")) if left.is_file() else {}
    if ran.timed_out:
        said = Said(verdict=Verdict.NONE, calls=facts.get("calls"), detail=f"ran past {timeout_seconds:.0f} s")
        return _answer(said, ran)
    return _answer(peer.read(ran, facts, factor), ran)


def replay_bare(body: Body, calls: int, *, timeout_seconds: float) -> Ran:
    """Replay the function as often in a plain loop, in a process of its own."""
    command = [str(body.python), str(BENCHMARKS / "bare.py"), str(body.file), body.name, "-", str(calls)]
    return run(
        [*command, *filter(None, [body.setup])],
        folder=body.folder,
        environment=body.environment,
        timeout_seconds=timeout_seconds,
    )


def _answer(said: Said, ran: Ran) -> Answer:
    return Answer(said=said, cpu_seconds=ran.cpu_seconds, wall_seconds=ran.wall_seconds, timed_out=ran.timed_out)


def _as_json(body: Body) -> str:
    return json.dumps({"file": str(body.file), "name": body.name, "setup": body.setup})
