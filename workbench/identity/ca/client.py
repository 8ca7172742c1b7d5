"""The station's side of the certificate authority: requests over a UNIX socket, answers as dataclasses.

    with open_ca(folder, passphrase) as ca:
        nonce = ca.nonce(request_id, serial=..., model=..., station=..., station_time=...)
        challenge = ca.submit_tpm(request)
        issued = ca.activate(request_id, secret)

Each request may be repeated with the same `request_id`: after a lost answer, a killed station or a killed
worker the answer is the same.  Every method raises CaUnreachable (try again later, the unit keeps its keys)
or CaRefused (with its `reason` and the next action).
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from workbench.identity.ca import framing, places
from workbench.identity.ca.errors import CaRefused, CaRequestConflict, CaUnreachable
from workbench.identity.ca.messages import (
    MAX_CRL_BYTES,
    MAX_MESSAGE_BYTES,
    CaStatus,
    Challenge,
    Issued,
    Kind,
    Nonce,
)
from workbench.identity.ca.replies import (
    challenge_from_map,
    error_from_map,
    issued_from_map,
    nonce_from_map,
    passphrase_proof,
    status_from_map,
)
from workbench.identity.ca.start_worker import Started, connect, connect_or_start

if TYPE_CHECKING:
    from workbench.identity.mcu.request import McuRequest
    from workbench.identity.tpm.request import TpmRequest

__all__ = [
    "CaClient",
    "CaRefused",
    "CaRequestConflict",
    "CaStatus",
    "CaUnreachable",
    "Challenge",
    "Issued",
    "Nonce",
    "open_ca",
]


ANSWER_S: Final = 60.0
"""How long an answer may take: eight stations may be before this one."""


class CaClient:
    """One connection to the worker; not for several threads at once.

    Where the connection was lost, the next request makes a new one, if a worker serves.
    """

    def __init__(self, folder: Path, connection: socket.socket, started: Started | None) -> None:
        self._folder = folder
        self._started = started
        self._connection: socket.socket | None = connection
        self._unlocked = False
        connection.settimeout(ANSWER_S)

    def greets(self) -> bool:
        """Whether the worker answers; False where it has gone since it was connected to."""
        try:
            self.status()
        except CaUnreachable as error:
            if isinstance(error.__cause__, ConnectionError | EOFError):
                return False
            raise
        return True

    def status(self) -> CaStatus:
        """Who it is, its time, its certificates."""
        return status_from_map(self._ask({"op": "status"}))

    def nonce(
        self,
        request_id: str,
        *,
        serial: str,
        model: str,
        station: str,
        station_time: int,
        kind: Kind = "tpm",
        replaces: str | None = None,
    ) -> Nonce:
        """A nonce for one request, the same one while it is unused and has not expired.

        `station_time` is in seconds since 1970 UTC.  `replaces` is the request_id of the unit that an RMA
        replaces: its serial number may be used again.  An MCU's one-time secret stays the same for a
        request_id.  Refused with reason `already-issued` once there are certificates: see `issued`.
        """
        message = {
            "op": "nonce",
            "request_id": request_id,
            "serial": serial,
            "model": model,
            "station": station,
            "station_time": station_time,
            "kind": kind,
            "replaces": replaces,
        }
        return nonce_from_map(self._ask(message))

    def submit_tpm(self, request: TpmRequest) -> Challenge:
        """Has a TPM's request checked; certificates come from `activate` with the challenge's secret.

        The same request gives another challenge, and only the last one counts.
        """
        from workbench.identity.tpm.request import request_to_map

        return challenge_from_map(self._ask({"op": "submit-tpm", "request": request_to_map(request)}))

    def activate(self, request_id: str, secret: bytes) -> Issued:
        """The certificates "idevid" and "iak" for the secret that only the EK's TPM can know."""
        return issued_from_map(self._ask({"op": "activate", "request_id": request_id, "secret": secret}))

    def submit_mcu(self, request: McuRequest) -> Issued:
        """The certificate "device" for a request made with the nonce and, on the chip, the secret."""
        from workbench.identity.ca.mcu_wire import mcu_to_map

        return issued_from_map(self._ask({"op": "submit-mcu", "request": mcu_to_map(request)}))

    def issued(self, request_id: str) -> Issued | None:
        """What was issued for the request, None where nothing was."""
        found = self._ask({"op": "issued", "request_id": request_id})
        return None if found is None else issued_from_map(found)

    def unlock(self, passphrase: bytes) -> None:
        """Shows the worker that an operator is here, who may `issue`, `revoke` and make a `crl`."""
        salt = self._ask({"op": "unlock"}).get("salt")
        if not isinstance(salt, bytes):
            raise CaUnreachable("the CA's worker answered with something that is no answer")
        self._ask({"op": "unlock", "proof": passphrase_proof(passphrase, salt)})
        self._unlocked = True

    def issue(
        self,
        profile: str,
        *,
        fields: Mapping[str, str | Sequence[str]],
        csr: bytes | None = None,
        public_key: bytes | None = None,
        request_id: str | None = None,
    ) -> Issued:
        """A certificate by a profile for a signer or server, named as its profile.

        `csr` (PKCS#10) or `public_key` (SubjectPublicKeyInfo), in DER.  `fields` are those of
        CertificateFields: texts common_name, serial_number, organization, organizational_unit, country; lists
        dns_names, ip_addresses.
        """
        plain = {name: value if isinstance(value, str) else list(value) for name, value in fields.items()}
        message = {
            "op": "issue",
            "request_id": request_id or str(uuid4()),
            "profile": profile,
            "fields": plain,
        }
        source = {"csr": csr, "public_key": public_key}
        given = {name: data for name, data in source.items() if data is not None}
        return issued_from_map(self._ask(message | given))

    def revoke(self, serial_number: str, reason: str) -> bytes:
        """Revokes the certificate with that number (hexadecimal); the new CRL in DER."""
        return self._bytes({"op": "revoke", "serial_number": serial_number, "reason": reason})

    def approve_replacement(self, request_id: str, reason: str) -> None:
        """Agrees that the unit of that request is replaced by another one; needs `unlock`."""
        self._ask({"op": "approve-replacement", "request_id": request_id, "reason": reason})

    def crl(self) -> bytes:
        """A new CRL in DER."""
        return self._bytes({"op": "crl"})

    def close(self) -> None:
        """Leaves; a worker that was started for this client and has no other ends now."""
        with contextlib.suppress(CaUnreachable, CaRefused):
            ending = self._connection is not None and self._ask({"op": "leave"}).get("ending")
            self._drop()
            if ending and self._started is not None:
                self._started.join()
        self._drop()

    def _bytes(self, message: dict[str, Any]) -> bytes:
        found = self._ask(message)
        if not isinstance(found, bytes):
            raise CaUnreachable("the CA's worker answered with something that is no answer")
        return found

    def _ask(self, message: dict[str, Any]) -> Any:
        """The answer; asks once more over a new connection where the old one had gone while it was idle."""
        again = self._connection is not None and not self._unlocked
        try:
            answer = self._exchange(message)
        except CaUnreachable as error:
            if not again or not isinstance(error.__cause__, ConnectionError | EOFError):
                raise
            self._connection = connect(places.socket_path(self._folder))
            if self._connection is None:
                raise
            answer = self._exchange(message)
        if "ok" not in answer:
            raise error_from_map(answer.get("error"))
        return answer["ok"]

    def _exchange(self, message: dict[str, Any]) -> dict[str, Any]:
        if self._connection is None:
            self._connection = connect(places.socket_path(self._folder))
            if self._connection is None:
                raise CaUnreachable(f"no worker serves {self._folder}")
        self._connection.settimeout(ANSWER_S)
        try:
            self._connection.sendall(framing.encode(message, limit=MAX_MESSAGE_BYTES))
            head = self._receive(self._connection, framing.HEAD_BYTES)
            length = framing.body_length(head, limit=MAX_CRL_BYTES)
            return framing.decode(self._receive(self._connection, length))
        except (OSError, EOFError, framing.MessageMalformed) as error:
            self._drop()
            raise CaUnreachable(f"the CA's worker does not answer: {error}") from error

    @staticmethod
    def _receive(connection: socket.socket, count: int) -> bytes:
        found = bytearray()
        while len(found) < count:
            data = connection.recv(count - len(found))
            if not data:
                raise EOFError("it has gone")
            found += data
        return bytes(found)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._unlocked = False
        if connection is not None:
            connection.close()


@contextmanager
def open_ca(folder: Path, passphrase: Callable[[], bytes]) -> Iterator[CaClient]:
    """The CA in `folder`: connects to its worker, or starts one until its last client has gone.

    `passphrase` is asked only where a worker must be started.  Raises CaUnreachable, CaFolderInvalid,
    CaKeyUnavailable (a wrong passphrase).
    """
    client = CaClient(folder, *connect_or_start(folder, passphrase))
    if not client.greets():  # it was ending just then
        client = CaClient(folder, *connect_or_start(folder, passphrase))
    try:
        yield client
    finally:
        client.close()
