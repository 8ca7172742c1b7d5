"""A device's own words: typed requests of the groups os, img and 64, and what was answered.

Decides nothing.  A device need not know group 64: what it does not know is None.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from workbench.images.reasons import Reason
from workbench.wires.smp import Smp
from workbench.wires.smp_errors import WORKBENCH_GROUP, SmpGarbled, SmpRefused, SmpSilent
from workbench.wires.smp_message import Op, Request

OS, IMG, OWN = 0, 1, WORKBENCH_GROUP
READ_TRIES: Final = 4
SET_S: Final = 20.0
"""Marking an image may make the device erase or write flash, and read the image once."""
SET_TRIES: Final = 3
RESET_S: Final = 3.0
CHALLENGE_S: Final = 8.0
"""A slow core signs for seconds."""
CONSENT_NEEDED: Final = 3
BUSY: Final = 4


@dataclass(frozen=True, slots=True)
class Params:
    """Buffers of the device's SMP server: how large, and how many."""

    buf_size: int
    buf_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotImage:
    """An image that the device lists."""

    slot: int
    version: str
    hash: bytes | None = None
    image: int = 0
    active: bool = False
    confirmed: bool = False
    pending: bool = False
    permanent: bool = False

    def as_json(self) -> dict[str, Any]:
        """For records: the hash as hexadecimal digits."""
        return asdict(self) | {"hash": None if self.hash is None else self.hash.hex()}


@dataclass(frozen=True, slots=True)
class Images:
    """All that the device lists."""

    all: tuple[SlotImage, ...]

    @property
    def active(self) -> SlotImage | None:
        """The image that runs."""
        return next((i for i in self.all if i.active and i.image == 0), None)

    @property
    def other(self) -> SlotImage | None:
        """The image in the other slot."""
        return next((i for i in self.all if not i.active and i.image == 0), None)

    def has_taken(self, digest: bytes | None, *, confirm: bool) -> bool:
        """Whether `Device.set_image` has been done already."""
        if digest is None:
            return self.active is not None and self.active.confirmed
        return any(i.hash == digest and i.pending and (i.permanent or not confirm) for i in self.all)

    def as_json(self) -> list[dict[str, Any]]:
        """For records."""
        return [image.as_json() for image in self.all]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What our own firmware says of itself."""

    chip: bytes
    profile: str
    version: str
    hash: bytes
    slot: int
    counter: int
    phase: int
    result: Reason | None
    confirmed: bool
    boot: str
    selftest: bool | None

    def as_json(self) -> dict[str, Any]:
        """For records: bytes as hexadecimal digits."""
        plain = asdict(self) | {"chip": self.chip.hex(), "hash": self.hash.hex()}
        return plain | {"result": None if self.result is None else self.result.word}


@dataclass(frozen=True, slots=True)
class ChallengeAnswer:
    """A signed statement."""

    alg: str
    statement: bytes
    sig: bytes


ConsentState = Literal["none", "waiting", "deferred", "granted"]


@dataclass(frozen=True, slots=True)
class Consent:
    """Where the question whether to install stands."""

    state: str
    severity: str
    deferrals: int
    max_deferrals: int
    busy: bool


class Device:
    """A device behind SMP.  Every method raises SmpRefused, SmpSilent, SmpGarbled, SerialLost."""

    def __init__(self, smp: Smp) -> None:
        self.smp = smp

    def params(self) -> Params | None:
        """Its buffers, None where it does not tell."""
        body = self._read_optional(Request("its parameters", Op.READ, OS, 6))
        size, count = (body or {}).get("buf_size"), (body or {}).get("buf_count")
        if not isinstance(size, int) or not isinstance(count, int) or size < 32 or count < 1:
            return None
        return Params(size, count)

    def images(self, *, timeout_s: float = 2.5, tries: int = READ_TRIES) -> Images:
        """The images in its slots."""
        asked = Request("the list of its images", Op.READ, IMG, 0)
        return _images(self.smp.call(asked, timeout_s=timeout_s, tries=tries))

    def set_image(self, digest: bytes | None, *, confirm: bool) -> Images:
        """Marks the image with that hash for the next start (`confirm`: for good), or confirms the running
        one where there is no hash.

        Where the answer is lost the device is asked what it has come to, and told again.
        """
        what = "to confirm the image" if confirm else "to test the image"
        body: dict[str, object] = {"confirm": confirm}
        if digest is not None:
            body["hash"] = digest
        asked = Request(what, Op.WRITE, IMG, 0, body)
        for _ in range(SET_TRIES - 1):
            try:
                return _images(self.smp.call(asked, timeout_s=SET_S))
            except SmpSilent:
                images = self.images()
                if images.has_taken(digest, confirm=confirm):
                    return images
        return _images(self.smp.call(asked, timeout_s=SET_S))

    def reset(self) -> None:
        """Restarts it; a device that restarts before it has answered is as good.

        A request that was lost is sent again only to a device that still answers with an image that waits: a
        second restart would take an image on trial back.
        """
        for _ in range(SET_TRIES):
            try:
                self.smp.call(Request("to restart", Op.WRITE, OS, 5), timeout_s=RESET_S)
                return
            except SmpSilent:
                if not self._still_waits():
                    return

    def _still_waits(self) -> bool:
        try:
            return any(image.pending for image in self.images(timeout_s=RESET_S / 3, tries=1).all)
        except (SmpSilent, SmpRefused, SmpGarbled):
            return False

    def identity(self) -> Identity | None:
        """What it says of itself; None where it does not know our group."""
        body = self._read_optional(Request("its identity", Op.READ, OWN, 0))
        return None if body is None else _identity(body)

    def challenge(self, nonce: bytes) -> ChallengeAnswer:
        """Its statement over a fresh `nonce`."""
        asked = Request("an answer to a challenge", Op.WRITE, OWN, 1, {"nonce": nonce})
        body = self.smp.call(asked, timeout_s=CHALLENGE_S, tries=SET_TRIES + 1)
        found = body.get("alg"), body.get("statement"), body.get("sig")
        if not (isinstance(found[0], str) and isinstance(found[1], bytes) and isinstance(found[2], bytes)):
            raise SmpGarbled("the answer to a challenge lacks its algorithm, statement or signature")
        return ChallengeAnswer(found[0], found[1], found[2])

    def consent(self) -> Consent | None:
        """Where consent stands; None where it does not know our group."""
        body = self._read_optional(Request("the state of consent", Op.READ, OWN, 2))
        return None if body is None else _consent(body)

    def answer_consent(self, action: Literal["grant", "defer"]) -> None:
        """Answers in the place of somebody at the device."""
        self.smp.call(
            Request(f"to {action} the update", Op.WRITE, OWN, 2, {"action": action}), timeout_s=SET_S
        )

    def _read_optional(self, asked: Request) -> dict[str, Any] | None:
        """None where the device refuses the request as one that it does not know."""
        try:
            return self.smp.call(asked, tries=READ_TRIES)
        except SmpRefused as error:
            if error.group is None or error.unsupported:
                return None
            raise


def _images(body: dict[str, Any]) -> Images:
    found = body.get("images")
    if not isinstance(found, list):
        raise SmpGarbled("the device's list of images is no list")
    return Images(tuple(_image(entry) for entry in found))


def _image(entry: Any) -> SlotImage:
    if not isinstance(entry, dict) or not isinstance(entry.get("slot"), int):
        raise SmpGarbled("the device lists something that is no image")
    digest, version, image = entry.get("hash"), entry.get("version"), entry.get("image")
    return SlotImage(
        slot=entry["slot"],
        version=version[:64] if isinstance(version, str) else "",
        hash=digest if isinstance(digest, bytes) else None,
        image=image if isinstance(image, int) else 0,
        active=entry.get("active") is True,
        confirmed=entry.get("confirmed") is True,
        pending=entry.get("pending") is True,
        permanent=entry.get("permanent") is True,
    )


def _identity(body: dict[str, Any]) -> Identity | None:
    """None where another product has a command of this number."""
    kinds = {"chip": bytes, "profile": str, "version": str, "hash": bytes, "slot": int, "counter": int}
    if not all(isinstance(body.get(name), kind) for name, kind in kinds.items()):
        return None
    result, selftest = body.get("result"), body.get("selftest")
    return Identity(
        **{name: body[name] for name in kinds},
        phase=body["phase"] if isinstance(body.get("phase"), int) else 0,
        result=Reason(result) if isinstance(result, int) and result in Reason.__members__.values() else None,
        confirmed=body.get("confirmed") is True,
        boot=body["boot"][:64] if isinstance(body.get("boot"), str) else "",
        selftest=selftest if isinstance(selftest, bool) else None,
    )


def _consent(body: dict[str, Any]) -> Consent | None:
    state, severity = body.get("state"), body.get("severity")
    if not isinstance(state, str):
        return None
    return Consent(
        state=state,
        severity=severity if isinstance(severity, str) else "",
        deferrals=_count(body, "deferrals"),
        max_deferrals=_count(body, "max_deferrals"),
        busy=body.get("busy") is True,
    )


def _count(body: dict[str, Any], key: str) -> int:
    value = body.get(key)
    return value if isinstance(value, int) else 0
