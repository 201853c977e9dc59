"""From a rate to a verdict, and to a gate: budgets, baseline, known leaks."""
