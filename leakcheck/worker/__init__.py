"""All that runs in the measured process: it loads the user's code, replays it and reads the meters.

Two rules hold here and are tested. Nothing but the standard library is imported (memray inside its
pass), because whatever is loaded would be measured. And nothing is kept from one reading to the
next, because an observer that allocates finds its own leak.
"""
