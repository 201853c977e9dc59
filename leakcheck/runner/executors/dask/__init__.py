"""Measure on a Dask cluster: jobs go to its workers and answers come back, both as JSON.

`executor`, `submission` and `client` run in the parent process, `worker_side` in a Dask worker, and `job_process` in
the process that it starts for each job. That process starts the measured processes as a local run does.
"""
