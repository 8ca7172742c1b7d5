"""Evidence: one signed file that says what a unit is and what was tried, which anyone can check offline.

An in-toto Statement v1 inside a DSSE envelope, signed by the station's key.  Everything here is pure: bytes
and frozen dataclasses; the keys' files and the station's log are the station's.
"""
