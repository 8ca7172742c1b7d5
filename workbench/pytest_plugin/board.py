"""The board that a test gets: its wires, and what a test does with them most.  Made by `use`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.boards.bench import Slot
from workbench.boards.power import PowerSwitch
from workbench.boards.target import Target
from workbench.events import Event
from workbench.station.run import Run
from workbench.station.slots import Connect, Held, debugging, identify_chip

if TYPE_CHECKING:
    from workbench.probes.flash import FlashResult
    from workbench.probes.images import ImageFile
    from workbench.probes.phases import Erase
    from workbench.probes.session import Debug
    from workbench.wires.console import Console


class Board:
    """A board in a slot that this test holds: powered, its console attached, freshly reset.

    Every method raises LeaseLost once somebody else took the slot.
    """

    def __init__(self, held: Held, run: Run, root: Path, console: Console | None) -> None:
        self._held = held
        self._run = run
        self._root = root
        self._console = console
        self._chip_id: str | None = None

    def __repr__(self) -> str:
        return f"<Board {self.slot.target.name} in slot {self.slot.name}>"

    @property
    def slot(self) -> Slot:
        """The slot: `slot.name`, `slot.probe`, `slot.capabilities` and so on."""
        return self._held.slot

    @property
    def target(self) -> Target:
        """The kind of board, with its memory map."""
        return self.slot.target

    @property
    def run(self) -> Run:
        """The test's run: `run.step("name", "Title")` puts a step into its trace and journal."""
        return self._run

    @property
    def power(self) -> PowerSwitch:
        """The power switch.  Raises SlotLacks."""
        return self.slot.need_power()

    @property
    def console(self) -> Console:
        """The console, attached since before the reset.  Raises SlotLacks."""
        if self._console is None:
            self.slot.need_serial()
        assert self._console is not None
        return self._console

    @property
    def chip_id(self) -> str | None:
        """The chip's ID as read before the test began; None where the target has none or nothing can read
        it.
        """
        return self._chip_id

    def emit(self, event: Event) -> None:
        """Puts an event into the test's trace and journal."""
        self._run.emit(event)

    def check(self) -> None:
        """Raises LeaseLost once somebody else took the slot; for a test's own long loops."""
        self._held.check()

    @contextmanager
    def debug(self, connect: Connect = "halt", *, identify: bool = True) -> Iterator[Debug]:
        """A debug session: `with board.debug() as debug: debug.read_word(0x20000000)`.

        `connect`: "halt" stops the core for the session, "attach" lets it run.  `identify` False leaves the
        chip's ID unread, for a locked chip.  Raises SlotLacks, ChipSwapped, and what a debug probe raises.
        """
        with debugging(self._held, emit=self.emit, connect=connect, identify=False) as debug:
            if identify:
                self._chip_id = identify_chip(self._held, debug, emit=self.emit)
            yield debug

    def flash(
        self,
        *files: str | PathLike[str] | ImageFile,
        erase: Erase = "sector",
        verify: bool = True,
        permit_identity: bool = False,
    ) -> FlashResult:
        """Programs the files, reads them back, and starts them; files are relative to pytest's rootdir.

        What the console got before the start is forgotten, so that `expect` sees the new image only.
        Raises as `probes.images.load_images` and `probes.flash.flash` do.
        """
        from workbench.probes.flash import flash
        from workbench.probes.images import ImageFile, load_images
        from workbench.probes.start import start_image

        paths = [file if isinstance(file, ImageFile) else self._root / file for file in files]
        image = load_images(paths, self.target, permit_identity=permit_identity)
        names = ", ".join(source.path.name for source in image.sources)
        with self._run.step("flash", f"Flashing {names}"), self.debug() as debug:
            self._run.commit()
            result = flash(
                debug,
                image,
                erase=erase,
                verify=verify,
                permit_identity=permit_identity,
                emit=self.emit,
                check=self.check,
            )
            self._run.result["flash"] = asdict(result)
            self._forget()
            start_image(debug, image)
        return result

    def reset(self) -> None:
        """Resets the chip and lets it run; what the console got before is forgotten.  Raises SlotLacks."""
        with self._run.step("reset", "Resetting"), self.debug("attach") as debug:
            debug.reset(halt=True)
            self._forget()
            debug.reset()

    def power_cycle(self, off_s: float = 0.5) -> None:
        """Power off for `off_s` seconds and on again; returns when the console is back.

        What the console got before is forgotten.  The first words after power-on may be lost, for a serial
        port that goes off with its board needs a moment to come back.  Raises SlotLacks, SerialLost.
        """
        with self._run.step("power-cycle", "Switching power off and on"):
            self.power.cycle(off_s)
            if self._console is not None:
                self._console.wait_connected()
            self._forget()

    def _forget(self) -> None:
        if self._console is not None:
            self._console.clear()
