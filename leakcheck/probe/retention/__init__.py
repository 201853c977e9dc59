"""The hold pass: which containers grow, and what holds the rest, found in a process where nothing is traced.

Nothing of the user's is run by the search: no `__len__`, no `__eq__`, no `__getattribute__`. Types are asked
with `type()`, lengths with the base classes' own functions, attributes through descriptors (see `bare`).
What a holder explains is not guessed but measured: a forked copy of the process lets go of it.
"""
