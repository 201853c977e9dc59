"""The verdict on a growth, and the gate: budgets, baseline, known leaks."""
