"""Measuring on a Dask cluster: errands go to its workers, and answers come back, both as JSON.

`cluster` and `sending` are the parent's side, `station` is what a Dask worker runs, and `office` the process
that it starts for each errand: there the engine starts the measured processes, as it does anywhere.
"""
