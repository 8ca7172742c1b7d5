"""pyOCD's flash algorithm for one flash region: erase, program, compare by checksum.  Runs in a session's
thread.

The algorithm is a few hundred bytes of code in the chip's RAM that pyOCD calls with the core halted in
between; while it programs one page from one buffer, the next page is sent to the other.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from workbench.probes.errors import TargetUnsupported
from workbench.probes.memory import read_bytes, words_of

Content = tuple[int, bytes]
"""Address of a sector and its whole content to be."""


class Page(NamedTuple):
    """One page to program: where, what, in which sector, and whether it is the sector's last."""

    address: int
    data: bytes
    sector: int
    is_last: bool


_HEAD: Final = 32
"""Bytes read from the start of a sector to see cheaply that it differs, where the chip computes no checksum.
"""


class Algorithm:
    """Erases and programs the region of flash that holds `address`."""

    def __init__(self, soc: Any, address: int) -> None:
        """Raises TargetUnsupported where pyOCD knows no flash at `address`."""
        region = soc.memory_map.get_region_for_address(address)
        if region is None or not region.is_flash or region.flash is None:
            raise TargetUnsupported(
                f"pyOCD has no flash algorithm for {address:#010x}",
                cause="the target file's memory map differs from pyOCD's, or [debug] names a generic core",
            )
        self._soc = soc
        self._flash = region.flash
        self.start: int = region.start
        self.end: int = region.start + region.length

    def verify_sector(self, start: int, size: int) -> None:
        """Raises TargetUnsupported where pyOCD would erase another range than [start, start + size)."""
        info = self._flash.get_sector_info(start)
        if info is None or (info.base_addr, info.size) != (start, size):
            found = "none" if info is None else f"{info.size} bytes at {info.base_addr:#010x}"
            raise TargetUnsupported(
                f"the target file says that a sector has {size} bytes at {start:#010x}, pyOCD says {found}",
                cause="`sector` in the target file's [[memory]] is wrong",
                action="correct it; pyOCD's own memory map is in `pyocd commander -c 'show map'`",
            )

    @property
    def can_erase_chip(self) -> bool:
        """Whether the algorithm can erase everything at once."""
        return bool(self._flash.is_erase_all_supported)

    def erase_chip(self) -> None:
        """Erase everything that the algorithm's own erase-all reaches; with nRF51 that includes UICR."""
        self._flash.init(self._flash.Operation.ERASE)
        self._flash.erase_all()

    def erase_sectors(
        self, starts: Iterable[int], before: Callable[[int], None], after: Callable[[int], None]
    ) -> None:
        """Erase sectors one by one; `before` and `after` are told each start, and may raise to stop."""
        self._flash.init(self._flash.Operation.ERASE)
        for start in starts:
            before(start)
            self._flash.erase_sector(start)
            after(start)

    def program(
        self, contents: Iterable[Content], before: Callable[[Page], None], after: Callable[[Page], None]
    ) -> None:
        """Program erased memory page by page; pages that are to stay erased are left out.

        `before` and `after` are told each page, and may raise to stop: then no page is under way.
        """
        self._flash.init(self._flash.Operation.PROGRAM)
        pages = self._pages(contents)
        if self._flash.is_double_buffering_supported:
            self._program_double(pages, before, after)
            return
        for page in pages:
            before(page)
            self._flash.program_page(page.address, list(page.data))
            after(page)

    def program_words(self, words: dict[int, int]) -> None:
        """Program single 32-bit words."""
        self._flash.init(self._flash.Operation.PROGRAM)
        for address, word in words.items():
            self._flash.program_phrase(address, list(word.to_bytes(4, "little")))

    def differing(self, contents: list[Content]) -> set[int]:
        """Starts of those sectors that surely hold something else.  The others may still differ."""
        if self._flash.get_flash_info().crc_supported and all(
            _crc_can(at, len(data)) for at, data in contents
        ):
            return self._differing_by_crc(contents)
        return {at for at, data in contents if read_bytes(self._soc, at, _HEAD) != data[:_HEAD]}

    def open_for_reading(self) -> None:
        """Make memory readable that is only so after its algorithm began, such as QSPI flash."""
        from pyocd.core.exceptions import FlashFailure

        try:
            self._flash.init(self._flash.Operation.VERIFY)
        except FlashFailure:
            self._flash.init(self._flash.Operation.ERASE)

    def _differing_by_crc(self, contents: list[Content]) -> set[int]:
        """The chip's own CRC-32 of each sector; the results fill a page buffer, so that many at a time."""
        if not contents:
            return set()
        self.open_for_reading()
        at_once = max(1, int(self._flash.get_page_info(contents[0][0]).size) // 4)
        found: set[int] = set()
        for first in range(0, len(contents), at_once):
            part = contents[first : first + at_once]
            sums = self._flash.compute_crcs([(at, len(data)) for at, data in part])
            found |= {at for (at, data), crc in zip(part, sums, strict=True) if zlib.crc32(data) != crc}
        return found

    def _pages(self, contents: Iterable[Content]) -> Iterator[Page]:
        erased = self._flash.region.erased_byte_value
        for start, content in contents:
            size = min(int(self._flash.get_page_info(start).size), len(content))
            blank = bytes([erased]) * size
            parts = [(at, content[at : at + size]) for at in range(0, len(content), size)]
            kept = [(at, data) for at, data in parts if data != blank]
            for at, data in kept:
                yield Page(start + at, data, start, is_last=at == kept[-1][0])

    def _program_double(
        self, pages: Iterator[Page], before: Callable[[Page], None], after: Callable[[Page], None]
    ) -> None:
        buffer = 0
        page = next(pages, None)
        if page is not None:
            self._load(buffer, page)
        while page is not None:
            following = next(pages, None)
            before(page)
            self._flash.start_program_page_with_buffer(buffer, page.address)
            buffer = 1 - buffer
            if following is not None:
                self._load(buffer, following)
            self._await_page(page.address)
            after(page)
            page = following

    def _load(self, buffer: int, page: Page) -> None:
        """As pyOCD's load_page_buffer, but in words: pyOCD converts byte by byte."""
        safe = bytes(self._flash.override_security_bits(page.address, page.data))
        self._soc.write_memory_block32(self._flash.page_buffers[buffer], words_of(safe))

    def _await_page(self, address: int) -> None:
        from pyocd.core.exceptions import FlashProgramFailure

        limit = self._soc.session.options.get("flash.timeout.program")
        result = self._flash.wait_for_completion(timeout=limit)
        if result != 0:
            why = "timed out" if result == self._flash.TIMEOUT_ERROR else "failed"
            raise FlashProgramFailure(f"programming a page {why}", address=address, result_code=abs(result))


class Algorithms:
    """The algorithms of a chip, one for each region of its flash, made when they are first needed."""

    def __init__(self, soc: Any) -> None:
        self._soc = soc
        self._made: list[Algorithm] = []

    def at(self, address: int) -> Algorithm:
        """The algorithm for the region that holds `address`.  Raises TargetUnsupported."""
        for made in self._made:
            if made.start <= address < made.end:
                return made
        self._made.append(Algorithm(self._soc, address))
        return self._made[-1]

    def grouped(self, starts: Iterable[int]) -> list[tuple[Algorithm, list[int]]]:
        """Runs of `starts`, in their order, that the same algorithm handles."""
        groups: list[tuple[Algorithm, list[int]]] = []
        for start in starts:
            algorithm = self.at(start)
            if not groups or groups[-1][0] is not algorithm:
                groups.append((algorithm, []))
            groups[-1][1].append(start)
        return groups

    def finish(self) -> None:
        """End the algorithm that is loaded, if any; pyOCD itself ends one when it begins another."""
        loaded = getattr(self._soc.session.context_state, "current_flash_algo", None)
        if loaded is not None:
            loaded.cleanup()

    def finish_quietly(self) -> None:
        """End after something else failed, whose error matters more than this one's."""
        with contextlib.suppress(Exception):
            self.finish()


def _crc_can(address: int, size: int) -> bool:
    """pyOCD's checksum code takes a power of two as size, and the sector's number in 16 bits."""
    return size & (size - 1) == 0 and address % size == 0 and address // size < 1 << 16
