"""The pytest plugin: the marker, the fixture, and the replay in the test process or beside it."""
