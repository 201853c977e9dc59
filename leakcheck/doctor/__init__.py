"""`leakcheck doctor`: check what can be measured, and report it."""
