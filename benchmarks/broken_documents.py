"""Documents broken at random, by the thousands: each is refused in a sentence, or told by every reporter.

    python benchmarks/broken_documents.py --count 10000 reports/2026-11-24T10-12-07/run.json

Without a document it takes one in which every field is filled. Whatever ends in another error is shown with its
seed, which makes it again.
"""

import argparse
import random
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from leakcheck.doctor.model import DoctorReport
from leakcheck.model.errors import StoreError
from leakcheck.storage import baseline_file, run_file
from leakcheck.storage.durations import read_durations
from leakcheck.storage.history import load_history
from tests.unit.all_reporters import PICTURES, REPORTERS, Facts, obeyed_letters, refuse_broken
from tests.unit.broken import mutated
from tests.unit.filled import baseline_of_all, comparison_of_all, filled, fitting, record_of_all, run_of_all
from tests.unit.worked_with import worked_with

Reporters = dict[str, Callable[[Facts], bytes]]


def main() -> int:
    """Return 0 where nothing ended in an error that is not ours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", action="store_true", help="Draw them with matplotlib too, which takes long.")
    parser.add_argument("document", nargs="?", type=Path)
    arguments = parser.parse_args()
    whole = run_file.encode(run_of_all(fitting("x"), many=2))
    data = whole if arguments.document is None else arguments.document.read_bytes()
    baseline = baseline_file.encode_baseline(baseline_of_all(fitting("x")))
    reporters = {**REPORTERS, **(PICTURES if arguments.pictures else {})}
    counts = Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(arguments.seed, arguments.seed + arguments.count):
            try:
                counts[_tried(Path(folder), data, baseline, random.Random(seed), reporters)] += 1
            except Exception:
                counts["failed"] += 1
                print(f"seed {seed}", file=sys.stderr)
                traceback.print_exc()
    print(dict(counts))
    return 1 if counts["failed"] else 0


def _tried(folder: Path, data: bytes, baseline: bytes, chance: random.Random, reporters: Reporters) -> str:
    """Return what became of one broken document: refused, or told."""
    (folder / "baseline.json").write_bytes(mutated(baseline, chance))
    (folder / "run.json").write_bytes(mutated(data, chance))
    accepted = baseline_of_all(fitting("x"))
    try:
        accepted = baseline_file.load_baseline(folder / "baseline.json") or accepted
    except StoreError:
        pass
    try:
        read_durations(folder / "run.json")
        run = run_file.load(folder / "run.json")
    except StoreError:
        return "refused"
    records = load_history([folder / "run.json"]).records
    made = worked_with(run, run_of_all(fitting("x")), accepted, folder)
    made += worked_with(run_of_all(fitting("x")), run, accepted, folder)
    facts = Facts(
        run=run,
        baseline=accepted,
        comparison=made[0] if made else comparison_of_all(fitting("x")),
        record=records[0] if records else record_of_all(fitting("x")),
        examination=filled(DoctorReport, fitting("x")),
    )
    for name, reporter in reporters.items():
        if name.startswith("accepted.") and len(accepted.environments) != 1:
            continue
        document = reporter(facts)
        assert obeyed_letters(document) == [], name
        refuse_broken(name, document)
    return "told"


if __name__ == "__main__":
    sys.exit(main())
