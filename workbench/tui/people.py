"""Who may work at the station: badges at sign-in, the PIN of the engineer mode.  Shows nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from workbench.languages import _

BADGE_PREFIX: Final = "OP:"
"""What a badge's symbol begins with; without it a scan is a badge only where somebody signs in."""


class People(Protocol):
    """The station's people."""

    @property
    def sign_in(self) -> bool:
        """Whether nobody works without a badge."""

    @property
    def has_pin(self) -> bool:
        """Whether engineers have a PIN here."""

    def badge(self, text: str) -> str:
        """Name of the person with that badge; raises BadgeUnknown."""

    def engineer(self, pin: str) -> str:
        """Returns words of welcome where the PIN is right; raises PinWrong, PinLocked and others."""


@dataclass(frozen=True, slots=True)
class StationPeople:
    """The people of the bench in `folder`, by its operators.toml.  Reads the file anew each time."""

    folder: Path
    sign_in: bool = False

    @property
    def has_pin(self) -> bool:
        """Whether `workbench operator pin` was run."""
        from workbench.errors import WorkbenchError
        from workbench.station.operators import load_operators

        try:
            return load_operators(self.folder).pin is not None
        except WorkbenchError:
            return True  # opening it then says what is wrong with the file

    def badge(self, text: str) -> str:
        """Name of the person with that badge; raises BadgeUnknown, OperatorsFileInvalid."""
        from workbench.station.operators import load_operators

        number = text[len(BADGE_PREFIX) :] if text.upper().startswith(BADGE_PREFIX) else text
        return load_operators(self.folder).find(number).name

    def engineer(self, pin: str) -> str:
        """Raises PinNotSet, PinWrong, PinLocked, PinUnusable where the PIN does not open it."""
        from workbench.station.operators_pin import check_pin

        check_pin(self.folder, pin)
        return _("Engineer mode.")
