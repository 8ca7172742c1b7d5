"""Refused for who asks, for the CSR's form, and for what another unit already has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.tpm_identity_lab import MODEL, NONCE, SERIAL, STATION, Bid, Lab
from tests.tpm_identity_refusal import Refusal
from tests.tpm_identity_soft import area_of, soft_key
from tests.tpm_identity_vendor import NOW
from workbench.identity.tpm.ek import ek_area
from workbench.identity.tpm.names import digest
from workbench.identity.tpm.request import qualifying_data
from workbench.identity.tpm.structures import (
    Alg,
)
from workbench.identity.tpm.wire import u32

# -- who asks for what


def _serial(text: str) -> Callable[[Lab], Bid]:
    def make(lab: Lab) -> Bid:
        qualifying = qualifying_data(NONCE, text, STATION)
        return lab.real(
            qualifying=qualifying,
            creation_qualifying=qualifying,
            fields={"serial": text.encode()},
            request={"serial": text},
        )

    return make


def _model(text: str) -> Callable[[Lab], Bid]:
    return lambda lab: lab.real(fields={"model": text.encode()}, request={"model": text})


def _station(text: str) -> Callable[[Lab], Bid]:
    def make(lab: Lab) -> Bid:
        qualifying = qualifying_data(NONCE, SERIAL, text)
        return lab.real(qualifying=qualifying, creation_qualifying=qualifying, request={"station": text})

    return make


UNIT = (
    Refusal(
        "request id is no UUID",
        "request_id_form",
        "request-id-form",
        lambda lab: lab.genuine().asking(request_id="7"),
    ),
    Refusal(
        "no request id", "request_id_form", "request-id-form", lambda lab: lab.genuine().asking(request_id="")
    ),
    Refusal(
        "request id in capitals",
        "request_id_form",
        "request-id-form",
        lambda lab: lab.genuine().asking(request_id=lab.genuine().request.request_id.upper()),
    ),
    Refusal("serial with a line feed", "serial_form", "serial-form", _serial("SN-1\n")),
    Refusal("serial with a null", "serial_form", "serial-form", _serial("SN-1\0.example")),
    Refusal(
        "serial with a letter that looks like another", "serial_form", "serial-form", _serial("SN-\u0410")
    ),
    Refusal("serial too long for X.520", "serial_form", "serial-form", _serial("S" * 65)),
    Refusal("serial with outer blanks", "serial_form", "serial-form", _serial(" SN-1")),
    Refusal("serial empty", "serial_form", "serial-form", _serial(""), "csr-field-missing"),
    Refusal("model with a control character", "model_form", "model-form", _model("Gate\x1b[2J")),
    Refusal("model too long", "model_form", "model-form", _model("M" * 65)),
    Refusal("station without a name", "station_form", "station-form", _station("")),
    Refusal("station too long", "station_form", "station-form", _station("s" * 65)),
    Refusal(
        "station's clock two hours behind",
        "station_clock",
        "station-clock",
        lambda lab: lab.genuine().asking(station_time=int(NOW.timestamp()) - 7200),
    ),
    Refusal(
        "station's clock three minutes ahead",
        "station_clock",
        "station-clock",
        lambda lab: lab.genuine().asking(station_time=int(NOW.timestamp()) + 180),
    ),
    Refusal(
        "not in the order book",
        "ordered",
        "not-ordered",
        lambda lab: lab.genuine().under(order_book=lambda serial, model: False),
    ),
    Refusal(
        "ordered as another model",
        "ordered",
        "not-ordered",
        lambda lab: lab.genuine().under(order_book=lambda s, m: (s, m) == (SERIAL, MODEL + " Plus")),
    ),
)


# -- the CSR's form


def _csr(change: Callable[[bytes], bytes]) -> Callable[[Lab], Bid]:
    return lambda lab: lab.real(csr=change)


def _contents(change: Callable[[bytes], bytes]) -> Callable[[Lab], Bid]:
    return lambda lab: lab.real(contents=change)


def _rehashed(change: Callable[[bytes], bytes]) -> Callable[[Lab], Bid]:
    """Changes what the hash covers, and hashes and signs again: only the form is wrong."""

    def again(inner: bytes) -> bytes:
        hashed = change(inner[44:])
        return inner[:12] + digest(Alg.SHA256, hashed) + hashed

    return _contents(again)


def _pad_more(hashed: bytes) -> bytes:
    pad = int.from_bytes(hashed[48:52], "big") + 16
    return hashed[:48] + u32(pad) + hashed[52:] + bytes(16)


def _pad_less(hashed: bytes) -> bytes:
    pad = int.from_bytes(hashed[48:52], "big")
    return (
        hashed[:48] + u32(0) + hashed[52 : len(hashed) - pad]
        if pad
        else hashed[:48] + u32(1) + hashed[52:] + b"\0"
    )


def _sha1(inner: bytes) -> bytes:
    hashed = inner[44:]
    return inner[:4] + u32(Alg.SHA1) + u32(20) + digest(Alg.SHA1, hashed) + hashed


CSR = (
    Refusal("empty CSR", "csr_readable", "csr-unreadable", _csr(lambda raw: b""), "csr-outer-version"),
    Refusal(
        "CSR of its header alone",
        "csr_readable",
        "csr-unreadable",
        _csr(lambda r: r[:12]),
        "csr-outer-version",
    ),
    Refusal(
        "CSR larger than is taken",
        "csr_readable",
        "csr-unreadable",
        _csr(lambda r: r + bytes(65536)),
        "csr-outer-version",
    ),
    Refusal(
        "outer version of TPM 1.2",
        "csr_outer_version",
        "csr-outer-version",
        _csr(lambda r: u32(0x100) + r[4:]),
    ),
    Refusal(
        "CSR cut by one byte", "csr_whole", "csr-truncated", _csr(lambda r: r[:-1]), "csr-signature-malformed"
    ),
    Refusal(
        "signature missing", "csr_whole", "csr-truncated", _csr(lambda r: r[:-72]), "csr-signature-malformed"
    ),
    Refusal("one byte follows the CSR", "csr_end", "csr-trailing-bytes", _csr(lambda r: r + b"\0")),
    Refusal("a second CSR follows", "csr_end", "csr-trailing-bytes", _csr(lambda r: r + r)),
    Refusal("inner version 2.0", "csr_version", "csr-version", _contents(lambda c: u32(0x200) + c[4:])),
    Refusal("hashed with SHA-1", "csr_hash_algorithm", "csr-hash-algorithm", _contents(_sha1), "csr-padding"),
    Refusal("bytes that no size tells", "csr_sizes", "csr-sizes", _rehashed(lambda h: h + bytes(16))),
    Refusal("padding of a block too many", "csr_padding", "csr-padding", _rehashed(_pad_more)),
    Refusal("padding too short", "csr_padding", "csr-padding", _rehashed(_pad_less)),
    Refusal(
        "hash of something else",
        "csr_hash",
        "csr-hash-wrong",
        _contents(lambda c: c[:12] + bytes(32) + c[44:]),
    ),
    Refusal(
        "no signature over the attestation",
        "csr_fields_present",
        "csr-field-missing",
        lambda lab: lab.real(fields={"idevid_attest_signature": b""}),
        "attest-malformed",
    ),
    Refusal(
        "no IAK",
        "csr_fields_present",
        "csr-field-missing",
        lambda lab: lab.real(fields={"iak_public": b""}),
        "iak-malformed",
    ),
    Refusal(
        "another serial in the CSR",
        "csr_serial",
        "csr-serial-differs",
        lambda lab: lab.real(fields={"serial": b"SN-0002"}),
    ),
    Refusal(
        "another model in the CSR",
        "csr_model",
        "csr-model-differs",
        lambda lab: lab.real(fields={"model": b"Gateway 8"}),
    ),
    Refusal(
        "CSR made for another nonce",
        "csr_ca_data",
        "csr-ca-data-differs",
        lambda lab: lab.real(fields={"ca_data": bytes(32)}),
    ),
    Refusal(
        "no EK certificate in the CSR",
        "csr_ek_certificate",
        "csr-ek-certificate-differs",
        lambda lab: lab.real(fields={"ek_cert": b""}),
    ),
    Refusal(
        "another TPM's EK certificate in the CSR",
        "csr_ek_certificate",
        "csr-ek-certificate-differs",
        lambda lab: lab.real(fields={"ek_cert": lab.vendor.certify(soft_key(ek_area("H-2")).area)}),
    ),
    Refusal(
        "CSR's signature is no TPMT_SIGNATURE",
        "csr_signature_form",
        "csr-signature-malformed",
        lambda lab: lab.real(signature=b"\x30\x06\x02\x01\x01\x02\x01\x01"),
        "structure-malformed",
    ),
    Refusal(
        "CSR signed by another key",
        "csr_signature",
        "csr-signature-wrong",
        lambda lab: lab.real(parts=lambda p: replace(p, sign=soft_key(area_of("idevid")).sign)),
    ),
    Refusal(
        "signature of another CSR",
        "csr_signature",
        "csr-signature-wrong",
        lambda lab: lab.real(signature=soft_key(area_of("idevid")).sign(b"another")),
    ),
    Refusal(
        "CSR changed after it was signed",
        "csr_hash",
        "csr-hash-wrong",
        _csr(lambda r: r[:200] + bytes([r[200] ^ 1]) + r[201:]),
        "csr-ek-certificate-differs",
    ),
)


# -- what only one unit may have


def _taken(kind: str) -> Refusal:
    def make(lab: Lab) -> Bid:
        return lab.genuine().under(holder=lambda k, v: "another-request" if k == kind else None)

    return Refusal(f"{kind} of another unit", f"{kind}_unused", f"{kind}-taken", make)


TAKEN = tuple(_taken(kind) for kind in ("serial", "ek", "idevid", "iak", "csr"))
