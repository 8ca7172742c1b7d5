"""The tables of a target file, `targets/NAME.toml`, as pydantic models.

Each field's description completes the sentence "must be …" of an error.  Only what one value alone can get
wrong is checked here; what several values must agree on is in `target_checks`.  Sizes are in bytes,
addresses are those that the debug port sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, get_args

from pydantic import AfterValidator, Field

from workbench.toml_file import Table, suggestion

ADDRESS_END: Final = 1 << 32

Core = Literal[
    "cortex-m0", "cortex-m0plus", "cortex-m1", "cortex-m3", "cortex-m4", "cortex-m7",
    "cortex-m23", "cortex-m33", "cortex-m55", "cortex-m85",
]  # fmt: skip
Capability = Literal["debug", "flash", "console", "power", "power-cut", "chip-id", "lock", "identity", "tpm"]
Machine = Literal["microbit", "mps2-an385", "tpm"]
Transport = Literal["smp-serial", "smp-raw-serial", "smp-udp"]
CounterStorage = Literal["none", "write-once", "emulated", "tpm"]
Algorithm = Literal[
    "ecdsa-p256", "rsa-2048", "rsa-3072", "ed25519", "hmac-sha256", "x509",
    "aes-kw", "ecies-p256", "ecies-x25519", "rsa-oaep-2048", "aes-256", "lzma2", "lzma2-thumb",
]  # fmt: skip

NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9._-]{0,62}$"


def _capability(word: str) -> str:
    known = get_args(Capability)
    if word in known or (word.startswith("x-") and len(word) > 2):
        return word
    hint = suggestion(word, known)
    raise ValueError(f"must be one of {', '.join(known)}, or a word of your own that starts with x-{hint}")


def _word_address(address: int) -> int:
    if address % 4:
        raise ValueError("must be the address of a 32-bit word, a multiple of 4")
    return address


_ADDRESS = "an address from 0 to 0xffffffff, without quotes"
_SIZE = "a number of bytes from 1 to 0x100000000, without quotes"
_WORDS = "a text of 1 to 200 characters"
Address = Annotated[int, Field(ge=0, lt=ADDRESS_END, description=_ADDRESS)]
WordAddress = Annotated[int, Field(ge=0, lt=ADDRESS_END, description=_ADDRESS), AfterValidator(_word_address)]
Size = Annotated[int, Field(ge=1, le=ADDRESS_END, description=_SIZE)]
Words = Annotated[str, Field(min_length=1, max_length=200, description=_WORDS)]
Name = Annotated[
    str,
    Field(
        pattern=NAME_PATTERN,
        description="lower-case letters, digits, '.', '_' or '-', starting with a letter or digit",
    ),
]


class Area(Table):
    """A range of addresses, [start, end)."""

    start: Address
    size: Size

    @property
    def end(self) -> int:
        """First address behind the area."""
        return self.start + self.size

    def holds(self, start: int, size: int) -> bool:
        """Whether [start, start + size) lies wholly inside."""
        return self.start <= start and start + size <= self.end

    def overlaps(self, other: Area) -> bool:
        """Whether the two share an address."""
        return self.start < other.end and other.start < self.end


class Head(Table):
    """`[target]`: what the board is called and what can be done with it."""

    name: Name
    title: Words
    description: str = Field(default="", max_length=4000, description="a text of at most 4000 characters")
    capabilities: tuple[Annotated[str, AfterValidator(_capability)], ...] = Field(
        default=(), strict=False, description="a list of words"
    )


class ChipId(Table):
    """`[chip.id]`: 32-bit words that differ from chip to chip, least significant first."""

    words: tuple[WordAddress, ...] = Field(
        strict=False, min_length=1, max_length=8, description="a list of 1 to 8 addresses of 32-bit words"
    )

    def text(self, values: Sequence[int]) -> str:
        """Values of `words`, in their order, as one hexadecimal number: [0x89abcdef, 0x01234567] ->
        0123456789abcdef.
        """
        return "".join(f"{value:08x}" for value in reversed(values))


class Chip(Table):
    """`[chip]`."""

    part: Words
    core: Core
    flash_kib: int | None = Field(default=None, ge=1, le=1 << 22, description="the flash's size in KiB")
    id: ChipId | None = None


class DebugWires(Table):
    """`[debug]`: how pyOCD reaches the chip.  `pack` and `script` are relative to the target file."""

    pyocd: Words = Field(
        description="the name that `pyocd list --targets` shows for the chip, such as 'nrf51'"
    )
    pack: Words | None = Field(default=None, description="the path of a CMSIS pack, relative to this file")
    script: Words | None = Field(
        default=None, description="the path of a pyOCD user script, relative to this file"
    )
    frequency_hz: int | None = Field(
        default=None, ge=1_000, le=100_000_000, description="the debug clock, 1000 to 100000000 Hz"
    )
    wire: Literal["swd", "jtag"] = "swd"


class TpmPart(Table):
    """`[tpm]`: a board's TPM 2.0.  `part` names it, or says that any will do."""

    part: Words


class Memory(Area):
    """`[[memory]]`: one region of the memory map.

    kind `flash` is erased by sector, `config` (such as nRF51 UICR) only together with the whole chip, `ram`
    never.
    """

    name: Name
    kind: Literal["flash", "ram", "config"]
    sector: int | None = Field(
        default=None, ge=1, le=ADDRESS_END, description="the bytes that one erase clears, such as 1024"
    )
    erased: int = Field(default=0xFF, ge=0, le=0xFF, description="the value of an erased byte, 0 to 0xff")
    writable: bool = Field(default=True, description="true or false")


class ImageSlot(Area):
    """`[[image_slots]]`: a place for one firmware image.

    A chip is laid out in one way at a time: slots of the same `layout` do not overlap, those of another may.
    """

    name: Name
    memory: Name
    layout: Name = "plain"


class Update(Table):
    """`[update]`: how such a device takes new firmware over a wire.  `boot`, `primary` and `secondary`
    are names of image slots.

    `max_image` counts header, payload and TLVs.  `page` is where what the factory writes begins, by default
    where the identity area does; `key_page` is the page of a unit's own key, by default the one behind it.
    `state` is where bootloader and counter remember things, if that is memory which erasing the chip does
    not clear; provisioning clears it.  `chip` is the layer of the firmware samples, `algorithms` what their
    bootloader can do on it.
    """

    boot: Name
    primary: Name
    secondary: Name
    max_image: Size
    header: int = Field(default=0x100, ge=32, le=0xFFFF, description="a number of bytes from 32 to 65535")
    page: WordAddress | None = None
    key_page: WordAddress | None = None
    state: Area | None = None
    chip: Name
    transports: tuple[Transport, ...] = Field(strict=False, min_length=1, description="a list of words")
    counter: CounterStorage
    algorithms: tuple[Algorithm, ...] = Field(strict=False, description="a list of words")


class Identity(Area):
    """`[identity]`: what makes this unit this unit; no image may overwrite it.

    The area itself holds what the factory writes and the unit's keys; `certificates` is where the unit keeps
    its certificate, if that is elsewhere.
    """

    certificates: Area | None = None

    @property
    def areas(self) -> tuple[Area, ...]:
        """All of it, the area itself first."""
        return (self,) if self.certificates is None else (self, self.certificates)


class Lock(Table):
    """`[lock]`: read-back protection, locked where any bit of `mask` is 0 in the word at `register`.

    `nrf51-rbpconf`: nRF51 Reference Manual, UICR.RBPCONF; takes hold at the next reset.  `weaknesses` are
    ways past the lock that are published for this chip, by the name of the attempt, with what is known of
    them.
    """

    kind: Literal["nrf51-rbpconf"]
    register_: WordAddress = Field(alias="register")
    mask: int = Field(
        default=0xFF00, ge=1, lt=ADDRESS_END, description="a 32-bit word with at least one bit set"
    )
    recover: Literal["mass-erase", "none"]
    weaknesses: dict[Name, Words] = Field(
        default_factory=dict, description="a table of names of attempts and what is known of each"
    )

    def is_locked(self, word: int) -> bool:
        """Whether the value of `register` says that the chip is to be locked."""
        return (word & self.mask) != self.mask

    @property
    def locking_word(self) -> int:
        """Value that locks when it is written over an erased word."""
        return (ADDRESS_END - 1) & ~self.mask


class Console(Table):
    """`[console]`: the serial line."""

    baud: int = Field(
        default=115200, ge=50, le=20_000_000, description="a line rate from 50 to 20000000 bit/s"
    )
    bytesize: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    stopbits: Literal[1, 2] = 1


class TwinRecipe(Table):
    """`[twin]`: how to make a virtual board of this kind."""

    machine: Machine


class TargetFile(Table):
    """A whole target file.  A board has a chip with debug wires and a memory map, or a TPM, or both."""

    target: Head
    chip: Chip | None = None
    debug: DebugWires | None = None
    memory: tuple[Memory, ...] = Field(
        default=(), strict=False, max_length=64, description="at most 64 [[memory]] tables"
    )
    tpm: TpmPart | None = None
    image_slots: tuple[ImageSlot, ...] = Field(
        default=(), strict=False, max_length=64, description="[[image_slots]] tables"
    )
    update: Update | None = None
    identity: Identity | None = None
    lock: Lock | None = None
    console: Console = Console()
    twin: TwinRecipe | None = None
