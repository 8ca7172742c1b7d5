"""What an update came to is decided by what the device says and prints, and by nothing else."""

from __future__ import annotations

import hashlib
import hmac

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from workbench.images.format import Flag, Header, Image, assemble
from workbench.images.reasons import Reason
from workbench.images.tlvs import Tlv, TlvType, Version
from workbench.updates import errors as no
from workbench.updates.consent import Hindrance, Policy, Step, hindrance_of, next_step
from workbench.updates.device import ChallengeAnswer, Consent, Identity, Images, SlotImage
from workbench.updates.outcome import Standing, judge
from workbench.updates.release import Release, release_of, same_version
from workbench.updates.verify import DOMAIN, verify_challenge, verify_images, verify_slot_bytes
from workbench.wires.smp_errors import SmpRefused

OLD = bytes(32)
CHIP = bytes(range(8))
NONCE = bytes(range(32))


def image_bytes(flags: int = 0, payload: bytes = b"program!" * 20) -> bytes:
    """A plain image with its hash; `flags` may lie that it is encrypted."""
    header = Header(version=Version(1, 1), header_size=32, flags=flags)
    covered = assemble(header, payload)[: 32 + len(payload)]
    return assemble(header, payload, (), (Tlv(TlvType.SHA256, hashlib.sha256(covered).digest()),))


@pytest.fixture
def release() -> Release:
    return release_of(image_bytes())


def listed(*images: SlotImage) -> Images:
    return Images(images)


def active(digest: bytes, **more: bool) -> SlotImage:
    return SlotImage(slot=0, version="1.1.0", hash=digest, active=True, **{"confirmed": True, **more})


def other(digest: bytes, **more: bool) -> SlotImage:
    return SlotImage(slot=1, version="1.1.0", hash=digest, **more)


def identity(result: Reason | None, phase: int = 0) -> Identity:
    return Identity(
        chip=CHIP,
        profile="tier-1",
        version="1.0.0",
        hash=OLD,
        slot=0,
        counter=1,
        phase=phase,
        result=result,
        confirmed=True,
        boot="1",
        selftest=True,
    )


def test_the_release_runs(release: Release) -> None:
    images = listed(active(release.digest, confirmed=False))
    assert judge(release, OLD, images, None, trial_seen=False).standing is Standing.NEW


def test_the_release_waits(release: Release) -> None:
    images = listed(active(OLD), other(release.digest, pending=True))
    assert judge(release, OLD, images, None, trial_seen=False).standing is Standing.WAITING
    requested = identity(Reason.NONE, phase=1)
    assert judge(release, OLD, listed(active(OLD)), requested, trial_seen=False).standing is Standing.WAITING


@pytest.mark.parametrize("reason", [r for r in Reason if r.refuses])
def test_the_bootloaders_reason_is_told(release: Release, reason: Reason) -> None:
    found = judge(release, OLD, listed(active(OLD)), identity(reason), trial_seen=False)
    assert (found.standing, found.reason) == (Standing.REFUSED, reason)
    printed = f"boot: wb-boot 1 tier-1\nboot: slot 1 refused: {reason.word}\n"
    assert judge(release, OLD, listed(active(OLD)), None, trial_seen=False, printed=printed) == found
    error = no.refused(reason, "1.1.0")
    assert error.reason is reason
    assert isinstance(error, no.ImageForAnotherDevice) == (reason in (Reason.VID, Reason.CID))


def test_a_stock_bootloaders_work_is_seen_in_the_other_slot(release: Release) -> None:
    back = listed(active(OLD), other(release.digest))
    assert judge(release, OLD, back, None, trial_seen=False).standing is Standing.REVERTED
    gone = listed(active(OLD))
    assert judge(release, OLD, gone, None, trial_seen=False).standing is Standing.REFUSED
    assert judge(release, OLD, gone, None, trial_seen=True).standing is Standing.REVERTED


def test_another_image_is_neither(release: Release) -> None:
    strange = listed(active(b"x" * 32))
    assert judge(release, OLD, strange, None, trial_seen=False).standing is Standing.OTHER
    assert judge(release, OLD, listed(), None, trial_seen=False).standing is Standing.OTHER


@pytest.mark.parametrize("printed", ["boot: slot 1 refused: nonsense\n", "xboot: slot 1 refused: hash\n"])
def test_what_only_looks_like_a_reason_is_none(release: Release, printed: str) -> None:
    found = judge(release, OLD, listed(active(OLD)), None, trial_seen=False, printed=printed)
    assert found.reason is None


# --- proof ---


def test_the_running_release_is_accepted(release: Release) -> None:
    assert verify_images(release, listed(active(release.digest)), confirmed=True)["slot"] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"hash": OLD},
        {"hash": None},
        {"version": "1.0.9"},
        {"slot": 1},
        {"confirmed": False},
    ],
)
def test_anything_else_is_not(release: Release, wrong: dict[str, object]) -> None:
    fields: dict[str, object] = {"slot": 0, "version": "1.1.0", "hash": release.digest, "confirmed": True}
    image = SlotImage(active=True, **(fields | wrong))  # type: ignore[arg-type]
    with pytest.raises(no.UpdateNotVerified):
        verify_images(release, listed(image), confirmed=True)


@pytest.mark.parametrize(
    ("told", "same"),
    [
        ("1.1.0", True),
        ("1.1", True),
        ("1.1.0.0", True),
        ("1.1.0+0", True),
        ("1.1.1", False),
        ("v1.1.0", False),
    ],
)
def test_versions_are_read_as_devices_write_them(told: str, same: bool) -> None:
    assert same_version(told, Version(1, 1)) is same


def statement(release: Release, **wrong: object) -> bytes:
    said: dict[str, object] = {
        "nonce": NONCE,
        "chip": CHIP,
        "version": "1.1.0",
        "hash": release.digest,
        "slot": 0,
        "counter": 2,
        "phase": 0,
    }
    return cbor2.dumps(said | wrong)


def hs256(key: bytes, said: bytes) -> ChallengeAnswer:
    return ChallengeAnswer("HS256", said, hmac.digest(key, DOMAIN + said, "sha256"))


def es256(key: ec.EllipticCurvePrivateKey, said: bytes) -> ChallengeAnswer:
    r, s = decode_dss_signature(key.sign(DOMAIN + said, ec.ECDSA(SHA256())))
    return ChallengeAnswer("ES256", said, r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def test_a_right_answer_is_accepted(release: Release) -> None:
    key, said = ec.generate_private_key(ec.SECP256R1()), statement(release)
    assert verify_challenge(release, es256(key, said), NONCE, CHIP, key.public_key()).counter == 2
    assert verify_challenge(release, hs256(b"k" * 32, said), NONCE, CHIP, b"k" * 32).key_checked
    assert not verify_challenge(release, hs256(b"k" * 32, said), NONCE, CHIP, None).key_checked


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": bytes(32)},
        {"chip": bytes(8)},
        {"hash": OLD},
        {"slot": 1},
        {"version": "1.0.0"},
        {"nonce": 1},
    ],
)
def test_an_answer_about_something_else_is_not(release: Release, wrong: dict[str, object]) -> None:
    key = b"k" * 32
    with pytest.raises(no.UpdateNotVerified):
        verify_challenge(release, hs256(key, statement(release, **wrong)), NONCE, CHIP, key)


def test_an_answer_with_another_key_is_not(release: Release) -> None:
    said, key = statement(release), ec.generate_private_key(ec.SECP256R1())
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    for answer, held in (
        (hs256(b"a" * 32, said), b"b" * 32),
        (es256(key, said), public),
        (hs256(b"a" * 32, said), key.public_key()),
        (ChallengeAnswer("none", said, b""), key.public_key()),
        (ChallengeAnswer("ES256", said, bytes(64)), key.public_key()),
        (ChallengeAnswer("ES256", said + b"\0", es256(key, said).sig), key.public_key()),
    ):
        with pytest.raises(no.UpdateNotVerified):
            verify_challenge(release, answer, NONCE, CHIP, held)


def test_every_byte_of_the_slot_counts(release: Release) -> None:
    assert verify_slot_bytes(release, release.data + b"\xff" * 9) == "bytes"
    for at in (0, 40, len(release.data) - 1):
        changed = bytearray(release.data)
        changed[at] ^= 1
        with pytest.raises(no.UpdateNotVerified):
            verify_slot_bytes(release, bytes(changed))


def test_a_slot_that_is_too_short_is_not_the_release(release: Release) -> None:
    with pytest.raises(no.UpdateNotVerified):
        verify_slot_bytes(release, release.data[:-1])


def test_an_encrypted_release_is_known_by_its_plain_hash() -> None:
    plain = image_bytes(flags=Flag.ENCRYPTED_AES128)
    sent = bytearray(plain)
    sent[40:60] = bytes(20)
    release = release_of(bytes(sent))
    assert verify_slot_bytes(release, plain) == "hash"
    with pytest.raises(no.UpdateNotVerified):
        verify_slot_bytes(release, bytes(sent))
    with pytest.raises(no.UpdateNotVerified):
        verify_slot_bytes(release, image_bytes(flags=Flag.ENCRYPTED_AES128, payload=b"another!" * 20))


def test_a_damaged_file_is_not_delivered() -> None:
    damaged = bytearray(image_bytes())
    damaged[50] ^= 1
    with pytest.raises(no.ReleaseInvalid):
        release_of(bytes(damaged))
    assert isinstance(release_of(bytes(damaged), check=False).image, Image)


# --- consent ---


def asked(state: str = "waiting", busy: bool = False) -> Consent:
    return Consent(state, "optional", 0, 0, busy)


@pytest.mark.parametrize(
    ("policy", "left", "step"),
    [
        (Policy.RESPECT, True, Step.STOP),
        (Policy.GRANT, False, Step.GRANT),
        (Policy.ASK, False, Step.ASK),
        (Policy.WAIT, True, Step.WAIT),
        (Policy.WAIT, False, Step.STOP),
    ],
)
def test_consent_is_sought_as_the_policy_says(policy: Policy, left: bool, step: Step) -> None:
    assert next_step(Hindrance.CONSENT, policy, asked(), time_left=left) is step
    assert next_step(Hindrance.CONSENT, policy, asked("granted"), time_left=left) is Step.RETRY


@pytest.mark.parametrize("policy", list(Policy))
def test_no_policy_overrides_a_busy_device(policy: Policy) -> None:
    assert next_step(Hindrance.BUSY, policy, asked(busy=True), time_left=False) is Step.STOP
    assert next_step(Hindrance.BUSY, policy, asked(busy=True), time_left=True) is Step.WAIT
    assert next_step(Hindrance.BUSY, policy, asked(), time_left=True) is Step.RETRY


@pytest.mark.parametrize(
    ("group", "rc", "consent", "hindrance"),
    [
        (64, 3, None, Hindrance.CONSENT),
        (64, 4, None, Hindrance.BUSY),
        (None, 10, asked(), Hindrance.CONSENT),
        (None, 10, asked(busy=True), Hindrance.BUSY),
        (None, 10, None, None),
        (None, 10, asked("none"), None),
        (1, 3, asked(), None),
    ],
)
def test_hindrances_are_told_apart_from_refusals(
    group: int | None, rc: int, consent: Consent | None, hindrance: Hindrance | None
) -> None:
    assert hindrance_of(SmpRefused("it", group=group, rc=rc), consent) is hindrance
