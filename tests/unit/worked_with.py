"""What commands do with runs that were loaded: compare them, join them, hold them to a baseline, accept them."""

from dataclasses import replace
from datetime import date
from pathlib import Path

from leakcheck.analysis.compare.merge import SavedShard, merge_problems, merge_runs
from leakcheck.compare.baseline_update import update_baseline
from leakcheck.compare.sides import compare_runs
from leakcheck.config.settings import resolve
from leakcheck.config.sources import SettingsLayer
from leakcheck.model.baseline import Baseline
from leakcheck.model.comparison import Comparison
from leakcheck.model.errors import LeakcheckError
from leakcheck.model.run import Run
from leakcheck.runner.baseline import BaselineRef, compare_run
from leakcheck.runner.session import exit_code
from leakcheck.storage.durations import durations_of
from tests.unit.runs import TOLERANCE


def worked_with(run: Run, other: Run, baseline: Baseline, folder: Path) -> list[Comparison]:
    """Do all that; LeakcheckErrors are answers. Return the comparison, where there is one."""
    settings = resolve(SettingsLayer(), environment={}, folder=folder)
    against = BaselineRef(path=folder / "baseline.json", baseline=baseline)
    made: list[Comparison] = []
    exit_code(run.results)
    durations_of(run)
    pieces = [SavedShard(where="a", run=run), SavedShard(where="b", run=other)]
    list(merge_problems(pieces))
    merge_runs([run, other], ())
    for step in (
        lambda: made.append(compare_runs(run, other, ("a", "b"), TOLERANCE)),
        lambda: compare_run(run, against, settings, date(2027, 1, 31)),
        lambda: update_baseline(baseline, run, settings),
        lambda: update_baseline(None, replace(run, results=run.results[:1]), settings),
    ):
        try:
            step()
        except LeakcheckError:
            pass
    return made
