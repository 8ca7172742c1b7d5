"""Asks the board in a slot which images it holds: `python -m workbench.tui.engineer.look BENCH SLOT`.

A process of its own, since wires may hang; it prints one event, as JSON.  Changes nothing on the board.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from workbench.boards.bench import load_bench
from workbench.errors import WorkbenchError
from workbench.events import Event


def look(bench: Path, slot_name: str) -> dict[str, Any]:
    """The images that the board lists, and what it says of itself; raises what the wires raise."""
    from workbench.station.slots import hold
    from workbench.station.update import Printed, settings_of
    from workbench.updates.device import Device
    from workbench.wires.rawlog import RawLog
    from workbench.wires.smp import open_smp

    slot = load_bench(bench).slot(slot_name)
    log = RawLog(slot.state_dir / "console.log")
    log.open()
    printed = Printed(log, _nothing)
    try:
        with (
            hold(slot, purpose="look at image slots", emit=_nothing) as held,
            open_smp(slot.need_serial(), settings_of(slot), check=held.check, text=printed) as smp,
        ):
            device = Device(smp)
            images = device.images()
            identity = device.identity()
    finally:
        log.close()
    return {"images": images.as_json(), "identity": None if identity is None else identity.as_json()}


def _nothing(_event: Event) -> None:
    """Nobody listens."""


def main() -> int:
    """Prints what was found, or the error."""
    try:
        found = {"event": "looked", **look(Path(sys.argv[1]), sys.argv[2])}
    except WorkbenchError as error:
        found = {"event": "refused", "error": error.as_dict()}
    print(json.dumps(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
