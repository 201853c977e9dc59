"""The runs that the reports' gold files show."""

from dataclasses import replace

from leakcheck.model.baseline import BaselineChange
from leakcheck.model.explanation import Explanation, KnownEntry, KnownLeak, PeakSite, TracerName
from leakcheck.model.run import Run, Shard
from leakcheck.model.verdict import Gate
from tests.unit.causes import SENT, SENT_PATH, SITE
from tests.unit.hostile import EVERYTHING, run_with
from tests.unit.runs import BOUNDED, BROKEN, CLEAN, KIB, LEAK, MIB, NAIVE, UNSURE, run_of

EXPLAINED = replace(
    LEAK,
    explanation=Explanation(
        containers=(SENT,),
        retention_paths=(SENT_PATH,),
        allocation_sites=(SITE,),
        allocation_tracer=TracerName.MEMRAY,
        explained_fraction=0.98,
    ),
    duration_seconds=12.3456,
)
_KNOWN = KnownLeak(entry="*SENT*", reason="ticket 12", bytes_per_1000_calls=143 * MIB, share=0.99)
FORGIVEN = replace(EXPLAINED, variant="accepted", gate=Gate.WITHIN, over_budget=(), known_leaks=(_KNOWN,))
PEAKS = replace(NAIVE, peak_sites=(PeakSite(bytes=90 * MIB, share=0.97, frames=SITE.frames, stacks=3),))
_GROWTH = BaselineChange(metric="growth", before=0.0, after=144 * MIB, low=143 * MIB, high=145 * MIB, gate=Gate.OVER)
_PEAK = BaselineChange(metric="peak", before=20 * MIB, after=4.7 * MIB, low=4.7 * MIB, high=4.7 * MIB, gate=Gate.WITHIN)

RUNS: dict[str, Run] = {
    "every_verdict": replace(
        run_of(PEAKS, CLEAN, EXPLAINED, FORGIVEN, BOUNDED, UNSURE, BROKEN),
        known_leaks_not_found=(KnownEntry(match="*OUTBOX*", scenario="newsletter[outbox]", reason="ticket 7"),),
    ),
    "all_within": run_of(CLEAN, BOUNDED),
    "compared": replace(
        run_of(
            replace(EXPLAINED, baseline_changes=(_GROWTH,)),
            replace(
                CLEAN, baseline_changes=(replace(_GROWTH, after=KIB, gate=Gate.WITHIN), replace(_PEAK, better=True))
            ),
            replace(BOUNDED, is_new=True),
        ),
        baseline="leakcheck-baseline.json",
        shard=Shard(number=2, count=3, whole=()),
    ),
    "interrupted": run_of(CLEAN, finished=False),
    "nothing": run_of(environment=None),
    "hostile": run_with(EVERYTHING),
}
