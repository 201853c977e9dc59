"""One scenario of ten does something at random to its answers and its descriptors; the other nine have to be measured.

    python benchmarks/mutations.py --count 100

prints a line for each seed, and what came of all of them. A seed does the same again, whatever machine it is on.
"""

import argparse
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from leakcheck.model.errors import ExitCode, StoreError
from leakcheck.model.run import Run
from leakcheck.model.verdict import Gate, Verdict
from leakcheck.storage import run_file

SEED = "MUTATION_SEED"
GOOD = tuple(f"good_{number}" for number in range(9))
BAD = "bad"

_HEAD = """
import json, os, random, socket, threading
from leakcheck import scenario
from leakcheck.worker import channel

CHANCE = random.Random(int(os.environ["MUTATION_SEED"]))
ODD = [None, True, -1, 0, 1 << 40, 1 << 70, 1e300, float("nan"), "", "x", "\\udce9", "y" * 100_000]
ODD += [[], [[]] * 50, {}, {"a": 1}]
TEXTS = [b"\\n", b"hello\\n", b"{}\\n", b'{"kind":"block"}\\n', b"[" * 100_000, b"\\0" * 5000, b"<", b">"]
"""

_BAD = '''
def connections():
    for number in range(3, 60):
        try:
            if os.readlink(f"/proc/self/fd/{number}").startswith("socket:"):
                yield number
        except OSError:
            pass


def mutated(value, depth=0):
    """Return a value that is another somewhere."""
    if CHANCE.random() < 0.25 or not isinstance(value, (dict, list)) or not value:
        return CHANCE.choice(ODD)
    if isinstance(value, dict):
        name = CHANCE.choice(sorted(value))
        changed = dict(value)
        if CHANCE.random() < 0.2:
            del changed[name]
        else:
            changed[name] = mutated(value[name], depth + 1)
        return changed
    at = CHANCE.randrange(len(value))
    return [*value[:at], mutated(value[at], depth + 1), *value[at + 1 :]]


def mutated_bytes(data):
    """Return the bytes with some changed, left out or put in."""
    data = bytearray(data)
    for _ in range(CHANCE.randint(1, 8)):
        at = CHANCE.randrange(len(data) + 1)
        data[at : at + CHANCE.randint(0, 8)] = CHANCE.randbytes(CHANCE.randint(0, 8))
    return bytes(data)


def answers_otherwise():
    sometimes, encode = CHANCE.random(), channel._encode

    def encoded(message):
        if CHANCE.random() > sometimes:
            return encode(message)
        return json.dumps(mutated(message))

    channel._encode = encoded


def answers_in_other_bytes():
    send = channel.Channel._send

    def sent(self, sizes, text, columns):
        if CHANCE.random() < 0.5:
            return send(self, sizes, text, columns)
        whole = self._begin + sizes + text + b"".join(bytes(memoryview(n)[:l]) for n, l in columns) + self._end
        self._socket.sendall(mutated_bytes(whole))

    channel.Channel._send = sent


def answers_other_columns():
    send = channel.Channel.send

    def sent(self, kind, *, columns=(), **fields):
        columns = [(numbers, max(0, length + CHANCE.randint(-2, 2))) for numbers, length in columns]
        for numbers, length in columns:
            if length and CHANCE.random() < 0.3:
                numbers[CHANCE.randrange(length)] = CHANCE.choice([-1, 0, -(1 << 63), (1 << 63) - 1, 1 << 55])
        send(self, kind, columns=columns, **fields)

    channel.Channel.send = sent


def writes_to_all():
    text = CHANCE.choice(TEXTS)
    for number in CHANCE.choice([range(3, 60), list(connections()), range(1, 60)]):
        try:
            os.set_blocking(number, False)
            os.write(number, text)
        except OSError:
            pass


def closes():
    for number in CHANCE.choice([range(60), list(connections()), range(3, 60)]):
        try:
            os.close(number)
        except OSError:
            pass


def puts_others_in_their_place():
    for number in list(connections()):
        os.dup2(os.open(os.devnull, os.O_RDWR), number)


def shuts_down():
    for number in connections():
        other = socket.socket(fileno=os.dup(number))
        other.shutdown(CHANCE.choice([socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR]))


def reads():
    for number in connections():
        os.set_blocking(number, False)
        threading.Thread(target=lambda: [os.read(number, 4096) for _ in range(3)], daemon=True).start()


def floods():
    for number in connections():
        other = os.dup(number)
        os.set_blocking(other, True)
        threading.Thread(target=lambda: [os.write(other, b"x" * 65536) for _ in range(200)], daemon=True).start()


def says_it_all_again():
    send = channel.Channel._send

    def sent(self, sizes, text, columns):
        for _ in range(CHANCE.randint(0, 3)):
            send(self, sizes, text, columns)

    channel.Channel._send = sent


def dies():
    CHANCE.choice([os.abort, lambda: os._exit(CHANCE.randrange(256)), lambda: os.kill(os.getpid(), 9)])()


WAYS = [
    answers_otherwise,
    answers_otherwise,
    answers_otherwise,
    answers_in_other_bytes,
    answers_in_other_bytes,
    answers_other_columns,
    writes_to_all,
    closes,
    puts_others_in_their_place,
    shuts_down,
    reads,
    floods,
    says_it_all_again,
    dies,
]
WAY, WHEN = CHANCE.choice(WAYS), CHANCE.choice([0, 1, 2, 30, 300])
CALLS = [0]


@scenario
def bad():
    CALLS[0] += 1
    if CALLS[0] == WHEN:
        WAY()


if WHEN == 0:
    # while it is described, and again where it is measured
    WAY()
'''

_GOOD = """
from leakcheck import scenario

@scenario
def {name}():
    sum(range(100))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """What came of one seed."""

    seed: int
    code: int
    run: Run | None
    errors: str

    def complaints(self) -> Iterator[str]:
        """Yield what is wrong with the run: whatever the bad scenario does, none of these may be."""
        if self.run is None:
            yield "there is no document"
            return
        results = {result.id: result for result in self.run.results}
        for name in GOOD:
            result = results.get(name)
            if result is None or (result.verdict, result.gate) != (Verdict.CLEAN, Gate.WITHIN):
                yield f"{name} was not measured"
        if not self.run.finished:
            yield "the run is not finished"
        if "Traceback" in self.errors:
            yield "a traceback was printed"
        if self.code == ExitCode.OVER_BUDGET and not any(result.gate is Gate.OVER for result in self.run.results):
            yield "exit code 1, and nothing is over budget"
        if self.code not in (0, 1, 3, 5, 6):
            yield f"exit code {self.code}"


def write_scenarios(folder: Path) -> None:
    """Write ten files with a scenario each; the bad one stands in the middle."""
    for name in GOOD:
        (folder / f"{name}.py").write_text(_GOOD.format(name=name), encoding="utf-8")
    (folder / "good_4_and_bad.py").write_text(f"{_HEAD}\n{_BAD}", encoding="utf-8")


def came_of(seed: int, folder: Path, *arguments: str) -> Came:
    """Run the ten scenarios once."""
    document = folder / f"run-{seed}.json"
    command = [sys.executable, "-m", "leakcheck", "run", ".", "--no-peak", "--explain", "never", "--no-report"]
    done = subprocess.run(
        [*command, "--calls", "400", "--timeout", "5", "--output", f"out-{seed}", "--json", str(document), *arguments],
        cwd=folder,
        env={**os.environ, SEED: str(seed)},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    try:
        run = run_file.load(document)
    except StoreError:
        run = None
    return Came(seed=seed, code=done.returncode, run=run, errors=done.stderr)


def main() -> None:
    """Run as many seeds as are wanted, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--first", type=int, default=random.Random().randrange(1 << 30))
    chosen = parser.parse_args()
    gates: Counter[str] = Counter()
    wrong = 0
    with TemporaryDirectory(prefix="leakcheck-mutations-") as name:
        write_scenarios(Path(name))
        for seed in range(chosen.first, chosen.first + chosen.count):
            came = came_of(seed, Path(name))
            complaints = list(came.complaints())
            results = [] if came.run is None else [one for one in came.run.results if not one.id.startswith("good_0")]
            bad = next((one for one in results if one.id not in GOOD), None)
            gates[f"{bad.verdict}, {bad.gate}" if bad else "none"] += 1
            wrong += bool(complaints)
            said = bad.failure.message[:100] if bad and bad.failure else ""
            print(seed, came.code, bad.gate if bad else "-", said, *complaints, sep="  ", flush=True)
    print(f"{chosen.count} runs, {wrong} of them with complaints; the bad scenario was: {dict(gates)}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
