"""NumPy as our own processes want it: without the threads of its linear algebra."""

import os

_THREADS = "OPENBLAS_NUM_THREADS"


def load_numpy() -> None:
    """Import NumPy so that OpenBLAS starts no threads, for a process in which nothing but our analysis computes.

    Its pool is started by the import, one thread for each core, and takes about half of the import's CPU time; our
    arrays hold some hundred numbers. What somebody has set is left as it is, and what is started from here later does
    not inherit ours. Where NumPy is loaded already this does nothing.
    """
    if _THREADS in os.environ:
        import numpy

        return
    os.environ[_THREADS] = "1"
    try:
        import numpy  # noqa: F401
    finally:
        del os.environ[_THREADS]
