"""A witness: cosigns a log's checkpoint once it is proven to continue the one cosigned before (C2SP tlog-witness).

The last cosigned checkpoint of each log is compared and replaced in one transaction, and is on the disk before the
cosignature leaves; so no crash and no race makes the witness sign two stories. Its store must not be lost or put back.
"""

from __future__ import annotations

import asyncio
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from packseal.errors import ConfigError, EvidenceError, UnavailableError
from packseal.io.database import Database
from packseal.io.http_server import HTTPServer
from packseal.io.keys import Signer, load_or_make_key
from packseal.io.log_client import SIZE_TYPE
from packseal.io.witness_settings import WitnessSettings
from packseal.records.merkle import EMPTY_ROOT, HASH_BYTES, verify_consistency
from packseal.records.note import (
    MAX_NOTE_BYTES,
    LogCheckpoint,
    cosign,
    decode_base64,
    decode_size,
    unverified_log_checkpoint,
    verify_log_checkpoint,
)

MAX_PROOF_LINES = 63  # tlog-witness, add-checkpoint
PROOF_LINE_BYTES = 45
MAX_REQUEST_BYTES = 32 + MAX_PROOF_LINES * PROOF_LINE_BYTES + MAX_NOTE_BYTES
BODY_TIMEOUT_S = 10

SCHEMA = """
CREATE TABLE IF NOT EXISTS cosigned (
    origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note BLOB NOT NULL
) STRICT
"""


class RefusalError(Exception):
    """A request that is not cosigned: the status of the answer, and what it says."""

    def __init__(self, status: int, text: str, media_type: str = "text/plain") -> None:
        super().__init__(text)
        self.status, self.text, self.media_type = status, text, media_type


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """The body of a request: the size its proof starts from, the proof, and the checkpoint as it came."""

    old_size: int
    proof: tuple[bytes, ...]
    note: bytes

    @classmethod
    def from_bytes(cls, content: bytes) -> AddCheckpoint:
        """Raises RefusalError(400)."""
        head, parted, note = content.partition(b"\n\n")
        try:
            first, *lines = head.decode("ascii").split("\n")
            if not parted or not first.startswith("old ") or len(lines) > MAX_PROOF_LINES:
                raise ValueError("expected an old size, at most 63 lines of proof, an empty line and a checkpoint")
            proof = tuple(decode_base64(line) for line in lines)
            if any(len(node) != HASH_BYTES for node in proof):
                raise ValueError("a line of the proof that is not a hash")
            return cls(decode_size(first.removeprefix("old ")), proof, note)
        except (ValueError, binascii.Error, EvidenceError) as error:
            raise RefusalError(400, f"{error}\n") from None


class Witness:
    """Decides and remembers; one object, or several processes, for one store."""

    def __init__(
        self, database: Database, name: str, signer: Signer, logs: Mapping[str, bytes], now_unix_s: Callable[[], int]
    ) -> None:
        """logs: origin -> public key of every log that is cosigned."""
        self._database, self._name, self._signer = database, name, signer
        self._logs, self._now_unix_s = dict(logs), now_unix_s

    def add_checkpoint(self, body: bytes) -> bytes:
        """The cosignature line (tlog-witness, add-checkpoint). Raises RefusalError, UnavailableError.

        1. The request is well-formed, its old size not above its checkpoint's (400). 2. The log is known (404).
        3. Its key signed the checkpoint (403). Then, with nobody else between: 4. the old size is that of the last
        cosigned checkpoint (409), 5. of the same size only the same root (409), 6. the proof leads from there to here
        (422), 7. the checkpoint is stored and the cosignature made; it leaves after the commit.
        """
        request = AddCheckpoint.from_bytes(body)
        checkpoint = self._verified(request.note)
        if request.old_size > checkpoint.size:
            raise RefusalError(400, f"old size {request.old_size} is above the checkpoint's {checkpoint.size}\n")
        with self._database.transaction() as connection:
            query = "SELECT size, root FROM cosigned WHERE origin = ?"
            last_size, last_root = connection.execute(query, (checkpoint.origin,)).fetchone() or (0, EMPTY_ROOT)
            if request.old_size != last_size:
                raise RefusalError(409, f"{last_size}\n", SIZE_TYPE)
            if checkpoint.size == last_size and checkpoint.root != last_root:
                raise RefusalError(409, f"{last_size}\n", SIZE_TYPE)
            _check_proof(request, checkpoint, last_root)
            connection.execute(
                "INSERT INTO cosigned VALUES (?, ?, ?, ?) ON CONFLICT (origin)"
                " DO UPDATE SET size = excluded.size, root = excluded.root, note = excluded.note",
                (checkpoint.origin, checkpoint.size, checkpoint.root, request.note),
            )
            # The time is taken in here: at that second, no larger checkpoint of this log had been cosigned.
            return cosign(request.note, self._name, self._signer.public_key, self._signer, self._now_unix_s())

    def _verified(self, note: bytes) -> LogCheckpoint:
        try:
            origin = unverified_log_checkpoint(note).origin
        except EvidenceError as error:
            raise RefusalError(400, f"{error}\n") from None
        if origin not in self._logs:
            raise RefusalError(404, "this witness does not know the log\n")
        try:
            return verify_log_checkpoint(note, self._logs[origin])
        except EvidenceError as error:
            raise RefusalError(403, f"{error}\n") from None


def _check_proof(request: AddCheckpoint, checkpoint: LogCheckpoint, last_root: bytes) -> None:
    """Every tree continues the empty one, so that from size 0 the proof is empty. Raises RefusalError(422)."""
    try:
        if request.old_size:
            verify_consistency((request.old_size, checkpoint.size), request.proof, (last_root, checkpoint.root))
        elif request.proof:
            raise RefusalError(422, "the proof from size 0 is empty\n")
    except EvidenceError as error:
        raise RefusalError(422, f"{error}\n") from None


def witness_app(witness: Witness) -> Starlette:
    """POST /add-checkpoint"""

    async def add_checkpoint(request: Request) -> Response:
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await _bounded_body(request)
            line = await run_in_threadpool(witness.add_checkpoint, body)
        except RefusalError as refusal:
            return Response(refusal.text, refusal.status, {"content-type": refusal.media_type})
        except TimeoutError:
            return PlainTextResponse("the request did not come in time\n", 408)
        except ClientDisconnect:
            return PlainTextResponse("the request was cut short\n", 400)
        except UnavailableError:
            return PlainTextResponse("the witness cannot remember anything now, so it signs nothing\n", 503)
        return PlainTextResponse(line)

    return Starlette(routes=[Route("/add-checkpoint", add_checkpoint, methods=["POST"])])


async def _bounded_body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_REQUEST_BYTES:
            raise RefusalError(400, f"more than {MAX_REQUEST_BYTES} bytes\n")
    return bytes(body)


class WitnessServer:
    """The running witness of a witness.toml."""

    def __init__(self, settings: WitnessSettings, now_unix_s: Callable[[], int]) -> None:
        """Opens port, store and key. Raises ConfigError, UnavailableError."""
        self._http = HTTPServer(settings.listen)
        try:
            self._database, signer = open_store(settings.store, settings.key)
        except BaseException:
            self._http.stop()
            raise
        self.url, self.public_key = self._http.url, signer.public_key
        logs = {log.origin: log.public_key for log in settings.log}
        self._app = witness_app(Witness(self._database, settings.name, signer, logs, now_unix_s))

    def start(self) -> None:
        self._http.start(self._app)

    def stop(self) -> None:
        self._http.stop()
        self._database.close()

    def problems(self) -> list[str]:
        """Why nothing is cosigned any more; empty when all is well."""
        return [self._http.problem] if self._http.problem else []

    def join(self) -> None:
        """Waits until the server ends."""
        self._http.join()


def open_store(store: Path, key: Path) -> tuple[Database, Signer]:
    """What the witness has cosigned, and its key; both are made where neither is. Raises ConfigError, UnavailableError.

    A key without its store has forgotten what it signed, and would sign another story; a store without its key cannot
    go on under its name.
    """
    if key.exists() and not store.exists():
        words = (
            f"{store} is missing, but {key} has cosigned what stood in it; restore it, or begin with a new key and name"
        )
        raise ConfigError(words)
    database = Database(store, SCHEMA)
    try:
        if not key.exists() and database.rows("SELECT 1 FROM cosigned LIMIT 1"):
            raise ConfigError(f"{key} is missing, but {store} holds what it cosigned; restore it from its backup")
        return database, load_or_make_key(key)
    except BaseException:
        database.close()
        raise
