"""The other half of a measurement under pytest: a process beside the one that runs the tests.

The test process replays and reads; this one decides how far, estimates, judges, has suspects measured in
processes of their own, and writes the text. So statistics and tables are never loaded where memory is
measured. One judge serves one test process, and ends with it.
"""
