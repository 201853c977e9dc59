"""NumPy and SciPy in a process of ours: no thread of theirs, and no variable that is left behind."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists() or len(os.sched_getaffinity(0)) < 2,
    reason="OpenBLAS starts a thread for each further core, and Linux alone lists them",
)

ALONE = "numeric.load_numpy(); numeric.special_functions()"
WITH_OTHERS = "numeric.special_functions()"


def said(code: str, **variables: str) -> list[str]:
    """Run some code in a fresh process; return how many threads it has then, and what its children inherit."""
    variable = "import os; print(os.environ.get('OPENBLAS_NUM_THREADS'))"
    show = (
        "print(len(os.listdir('/proc/self/task')), flush=True); "
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {variable!r}], check=True)"
    )
    inherited = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", f"import os; from leakcheck.analysis import numeric; {code}; {show}"],
        env={**inherited, **variables},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()


def test_where_nobody_else_computes_no_threads_are_started_and_children_inherit_nothing() -> None:
    assert said(ALONE) == ["1", "None"]


def test_in_somebody_elses_process_they_are_loaded_as_ever() -> None:
    threads, variable = said(WITH_OTHERS)
    assert int(threads) > 1
    assert variable == "None"


def test_what_somebody_has_set_is_left_as_it_is() -> None:
    threads, variable = said(ALONE, OPENBLAS_NUM_THREADS="2")
    assert int(threads) > 1
    assert variable == "2"


def test_who_hands_on_the_environment_meanwhile_hands_on_nothing_of_ours() -> None:
    """GIVEN a thread that starts a process to be measured while another one loads SciPy."""
    code = (
        "numeric.load_numpy(); seen = []; import sys; "
        "sys.addaudithook(lambda event, found: event == 'import' and found[0].startswith('scipy')"
        " and seen.append(os.environ.get('OPENBLAS_NUM_THREADS'))); "
        "numeric.special_functions(); assert seen; assert not any(seen), seen"
    )
    assert said(code) == ["1", "None"]


def test_scipy_can_be_imported_beside_the_waiting_for_calls() -> None:
    """GIVEN an import that has begun, and is asked for again; THEN it is made once, and in another thread."""
    code = (
        "import sys, threading; numeric.load_numpy(); where = []; "
        "sys.addaudithook(lambda event, found: event == 'import' and found[0] == 'scipy.special'"
        " and where.append(threading.current_thread().name)); "
        "numeric.prepare_special_functions(); numeric.prepare_special_functions(); "
        "[one.join() for one in threading.enumerate() if one is not threading.main_thread()]; "
        # one that has ended for Python may not yet have ended for Linux
        "import time; [time.sleep(0.01) for _ in range(500) if len(os.listdir('/proc/self/task')) > 1]; "
        "numeric.special_functions().stdtrit; assert where == ['import of scipy.special'], where"
    )
    assert said(code) == ["1", "None"]


def test_in_somebody_elses_process_nothing_is_imported_beforehand() -> None:
    code = "numeric.prepare_special_functions(); import sys, threading; assert threading.active_count() == 1"
    assert said(f"{code}; assert 'scipy' not in sys.modules") == ["1", "None"]
