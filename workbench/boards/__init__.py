"""Boards: target files, the bench file, leases, what a slot saw last, and what is plugged in.

This room decides and describes; it never talks to a chip.  It reaches virtual boards only through the names
that real hardware has too: a probe's unique ID, a serial port, a power switch.
"""
