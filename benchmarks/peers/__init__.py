"""The tools that people use today, a file each: how it is asked, by which rule it is read, what it said.

A file has two halves. What runs in the arm's own interpreter needs the standard library and what is lent to it;
what reads the answer runs in the process of `beside.py`. Both halves of a peer stand side by side, so that its
settings can be judged in one place.
"""
