"""The measured process: load the user's code, replay it and read the meters.

Two rules hold here and are tested. Only the standard library is imported (and memray, in the peak and allocation
passes), because whatever is loaded would be measured. Nothing is kept from one reading to the next, because an observer
that allocates finds its own leak.
"""
