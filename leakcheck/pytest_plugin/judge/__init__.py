"""The judge: a process beside the test process that evaluates its readings.

The test process replays and reads the meters. The judge decides how many calls to replay, estimates the growth,
measures in isolated processes what seems to grow, and writes the text, so that the modules for this are never loaded
where memory is measured. One judge serves one test process, and ends with it.
"""
