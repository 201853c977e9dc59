"""The retention search: which containers grow, and what retains the rest, found in a process where nothing is traced.

The search runs no code of the user's: no `__len__`, no `__eq__`, no `__getattribute__`. It asks for types with
`type()`, for lengths with the base classes' own functions, and for attributes through descriptors (see
`heap.introspect`). The bytes that a candidate retains are measured, not guessed: a forked copy of the process releases
it.
"""
