"""Is the baseline the same when nothing changed? Accept, accept again, and compare the files, several times.

    python benchmarks/baselines.py scenarios/newsletter -k "naive or iterator or retained"

Every round begins without a file. What two rounds differ by is shown as well: it is what the measurement
wobbles by from one process to the next, and what an update must not write down as a change.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from leakcheck.model.baseline import BaselineEntry
from leakcheck.model.units import format_size
from leakcheck.storage import baseline_file


def main() -> int:
    """Return 0 where every second update left the file as it was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    arguments, for_update = parser.parse_known_args()
    seen: dict[str, list[BaselineEntry]] = {}
    same = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, arguments.rounds + 1):
            file = Path(folder) / f"baseline-{number}.json"
            first, second = (_update(file, folder, for_update) for _ in range(2))
            same += first == second
            print(f"round {number}: the second update {'changed nothing' if first == second else 'CHANGED THE FILE'}")
            for entries in _entries(file):
                for name, entry in entries.items():
                    seen.setdefault(name, []).append(entry)
    for name, accepted in sorted(seen.items()):
        growth = _spread([one.growth_bytes_per_1000_calls for one in accepted])
        peak = _spread([one.peak_bytes for one in accepted])
        print(f"{name}: growth {growth}; peak {peak}; {', '.join(sorted({one.verdict for one in accepted}))}")
    print(f"{same} of {arguments.rounds} rounds gave the same file")
    return 0 if same == arguments.rounds else 1


def _update(file: Path, folder: str, for_update: list[str]) -> bytes:
    command = [sys.executable, "-m", "leakcheck", "baseline", "update", *for_update]
    command += ["--allow-dirty", "--explain=never", f"--baseline={file}", f"--output={folder}/runs"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not file.exists():
        sys.exit(done.stderr)
    return file.read_bytes()


def _entries(file: Path) -> list[dict[str, BaselineEntry]]:
    baseline = baseline_file.load_baseline(file)
    return [] if baseline is None else [dict(entries) for entries in baseline.environments.values()]


def _spread(figures: list[int | None]) -> str:
    known = [figure for figure in figures if figure is not None]
    if not known:
        return "not kept"
    share = (max(known) - min(known)) / max(known) if max(known) else 0.0
    return f"{format_size(min(known))} to {format_size(max(known))} ({max(known) - min(known):,} B, {share:.3%})"


if __name__ == "__main__":
    sys.exit(main())
