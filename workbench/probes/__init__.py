"""Debug access to a board's chip: sessions, chip identity, lock, flash, read-out.  The only room that knows
pyOCD.
"""
