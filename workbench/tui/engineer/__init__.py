"""The engineer's face: slots, unit, console, images, trials, records, doctor.

An app shows it with `show(app, Desk(bench, line, records_url, leave=app.pop_screen))`, and calls
`desk.close()` when it ends.
"""

from workbench.tui.engineer.desk import Desk, Watched, Worked
from workbench.tui.engineer.screens import SCREENS, ScreenEntry, show

__all__ = ["SCREENS", "Desk", "ScreenEntry", "Watched", "Worked", "show"]
