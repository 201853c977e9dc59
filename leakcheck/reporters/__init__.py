"""From a run to something people read. Reporters open nothing, print nothing and judge nothing."""
