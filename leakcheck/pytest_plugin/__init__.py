"""The pytest plugin: the marker, the fixture, and the replay of tests in the test process or in isolated processes."""
