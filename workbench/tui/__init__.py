"""The terminal user interface: the technician's screens, the engineer's screens, and the plain face.

`python -m workbench.tui` runs it.  Only `app`, `sheet` and `engineer/` import Textual; most modules beside
them are pure, and are used by the plain face as well.  It draws what `Line.state()` says and hands over what
a person typed; it decides nothing about units.
"""
