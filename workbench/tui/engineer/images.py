"""F5: what an image file says of itself, and what a board holds in its image slots."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import DataTable, Input, Label, Static

from workbench.tui.engineer import texts
from workbench.tui.engineer.base import Act, EngineerScreen, joined, with_help
from workbench.tui.engineer.desk import Desk
from workbench.tui.engineer.frame import SlotChoice
from workbench.tui.engineer.process import Program

MAX_PATH: Final = 4096
Rows = Sequence[Sequence[str]]


class ImagesScreen(EngineerScreen):
    """A file's path, or a slot of the bench; a table of what is in it."""

    NAME = "images"
    TITLE_WORDS = "Images"
    HELP_WORDS = (
        "An image in MCUboot's format: type its path and press Enter to see its header and TLVs. Nothing of "
        "it is verified here; `workbench image verify` does that. "
        "F9 asks the board in the chosen slot, over its serial line, which images its slots hold, and what "
        "its firmware says of itself. The board is not changed; a slot that a run holds cannot be asked."
    )

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._asked: str | None = None

    def body(self) -> ComposeResult:
        with Horizontal(classes="row"):
            yield Label("file", classes="label")
            yield with_help(
                Input(placeholder="path of an image; Enter shows what it says", max_length=MAX_PATH),
                "Path of an image file; ~ is your home, a relative path starts at the bench's folder.",
            )
        yield SlotChoice(self.desk)
        yield Static("", id="about", markup=False)
        table: DataTable[object] = DataTable(cursor_type="row")
        yield with_help(table, "What was found: TLVs of the file, or image slots of the board.")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def acts(self) -> tuple[Act, ...]:
        why = self.desk.why_not() or (None if self.desk.slot else "the bench has no slots")
        if self.NAME in self.desk.programs:
            why = "it is being asked"
        return (Act("f9", f"ask the board in {self.desk.slot or '-'}", self._ask, why),)

    def shown(self) -> None:
        self.query_one(SlotChoice).follow()

    def on_slot_choice_changed(self, _event: SlotChoice.Changed) -> None:
        """Another slot would be asked."""
        self.show_keys()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Shows the file."""
        if event.value.strip():
            path = self.desk.bench.folder / Path(event.value.strip()).expanduser()
            self.say("")
            self.background(lambda: _inspect(path), lambda found: self._show_file(path, found), group="file")

    def _show_file(self, path: Path, found: Mapping[str, Any]) -> None:
        about = [
            f"file      {path.name}, {texts.size(found['size_bytes'])}; not verified",
            f"version   {found['version']}, payload {found['image_bytes']} bytes",
            f"header    {found['header_bytes']} bytes, flags {', '.join(found['flags']) or 'none'}",
        ]
        if found["load_address"]:
            about.append(f"loaded at {found['load_address']:#010x}")
        if found["padding_bytes"]:
            about.append(f"padded    with {found['padding_bytes']} bytes")
        rows = [
            (tlv["name"], "protected" if tlv["protected"] else "", str(tlv["bytes"]), tlv["value"])
            for tlv in found["tlvs"]
        ]
        self._show(about, ("TLV", "area", "bytes", "value"), rows)

    def _ask(self) -> None:
        slot = self._asked = self.desk.slot
        if slot is None:
            return
        command = [sys.executable, "-m", "workbench.tui.engineer.look", str(self.desk.bench.path), slot]
        self.desk.programs[self.NAME] = Program(command, cwd=self.desk.bench.folder)
        self.say(f"asking the board in {slot}…")

    def tick(self) -> None:
        program = self.desk.programs.get(self.NAME)
        if program is None:
            return
        for event in program.events():
            if event["event"] == "looked":
                self._show_board(event)
            elif event["event"] == "refused":
                self.say(texts.error_words(event["error"]))
        if not program.running:
            del self.desk.programs[self.NAME]
            if program.code:
                self.say("the board was not asked\n" + "\n".join(program.said[-3:]))
            self.show_keys()

    def _show_board(self, found: Mapping[str, Any]) -> None:
        self.say("")
        about = [f"board in slot {self._asked}, as it says of itself"]
        if found["identity"] is not None:
            told = {name: texts.cell(value).plain for name, value in found["identity"].items()}
            about += [
                f"chip      {told['chip']}, profile {told['profile']}, security counter {told['counter']}",
                f"runs      {told['version']} from slot {told['slot']}, "
                f"{'confirmed' if found['identity']['confirmed'] else 'on trial'}, "
                f"bootloader {told['boot'] or 'not told'}",
            ]
            if told["result"]:
                about.append(f"last boot refused an image: {told['result']}")
        rows = [
            (
                f"{image['image']}/{image['slot']}",
                image["version"],
                ", ".join(f for f in ("active", "confirmed", "pending", "permanent") if image[f]) or "idle",
                image["hash"] or "not told",
            )
            for image in found["images"]
        ]
        self._show(about, ("image/slot", "version", "state", "hash"), rows)

    def _show(self, about: Sequence[str], columns: Sequence[str], rows: Rows) -> None:
        self.query_one("#about", Static).update(texts.safe(joined(about)))
        table = self.query_one(DataTable)
        table.clear(columns=True)
        for number, name in enumerate(columns):
            longest = max([len(name), *(len(row[number]) for row in rows)])
            table.add_column(name, width=min(longest, texts.MAX_CELL))
        for row in rows:
            table.add_row(*(texts.cell(value) for value in row))


def _inspect(path: Path) -> dict[str, Any]:
    from workbench.images import files
    from workbench.images.describe import describe
    from workbench.images.format import parse

    return describe(parse(files.read(path)))
