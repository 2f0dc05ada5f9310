"""At the desk of who is responsible for a passport: signs statements, hands them in, asks what became of them."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from packseal.errors import ConfigError, EvidenceError, Reason, TableError, UnavailableError
from packseal.io.files import read_bounded
from packseal.io.http_client import TIMEOUT_S, ask
from packseal.io.keys import Signer
from packseal.passport.stated_values import by_group
from packseal.passport.static_file import MAX_FILE_BYTES, OF_ONE, read_static
from packseal.records.checkpoint import SALT_BYTES
from packseal.records.cose import VerifyingKey
from packseal.records.statement_bodies import (
    PASSPORT_ID_BYTES,
    Attachment,
    CapacityTest,
    Create,
    Handover,
    ModulePlace,
    Note,
    NoteKind,
    Original,
    RecordRef,
    SealedLog,
    Stage,
    Stated,
    Statement,
    Status,
    Values,
)
from packseal.records.statements import sign_consent, sign_statement

MAX_ANSWER_BYTES = 16 << 20
COSE, JSON = "application/cose", "application/json"


@dataclass(frozen=True, slots=True)
class NewPassport:
    """consents: by the passport they come from, where its operator is another. modules: (module, original, place)."""

    battery: str
    category: str
    name: str
    originals: tuple[bytes, ...] = ()
    consents: Mapping[bytes, bytes] | None = None
    modules: tuple[tuple[str, bytes, str], ...] = ()
    rated_capacity_mah: int | None = None
    chemistry: str | None = None
    passport_id: bytes | None = None  # one that consents were given for; a new one without


class LifeDesk:
    def __init__(self, url: str, signer: Signer | None = None, reader_key: str = "") -> None:
        """reader_key: what the service's `[[reader]]` gives its operators; without, the public part is seen."""
        self.url = url.rstrip("/")
        self._signer, self._reader_key = signer, reader_key

    # ---- statements

    def create(self, new: NewPassport) -> tuple[bytes, int]:
        """-> the passport's id, and the index of its first statement. Raises EvidenceError, UnavailableError."""
        passport_id = new.passport_id or secrets.token_bytes(PASSPORT_ID_BYTES)
        documents = [self.document(original.hex()) for original in new.originals]
        consents = new.consents or {}
        originals = tuple(
            Original(passport, _head(found), consents.get(passport))
            for passport, found in zip(new.originals, documents, strict=True)
        )
        create = Create(
            passport_id, new.battery, new.category, new.name, self._key(), originals,
            tuple(ModulePlace(module, _place_of(of, new.originals), place) for module, of, place in new.modules),
            tuple(sealed for original in new.originals for sealed in self._sealed_logs(original.hex())),
            new.rated_capacity_mah, new.chemistry,
        )  # fmt: skip
        return passport_id, self.submit(create)

    def change_stage(self, passport_id: bytes, stage: Stage, note: str, evidence: Sequence[RecordRef]) -> int:
        return self.submit(Status(passport_id, self.head(passport_id), stage, note, tuple(evidence)))

    def hand_over(self, passport_id: bytes, operator: VerifyingKey, consent: bytes) -> int:
        return self.submit(Handover(passport_id, self.head(passport_id), operator, consent))

    def note(
        self, passport_id: bytes, kind: NoteKind, text: str, at_unix_ms: int, evidence: Sequence[RecordRef]
    ) -> int:
        return self.submit(Note(passport_id, kind, at_unix_ms, text, tuple(evidence)))

    def test(self, passport_id: bytes, capacity_cpct: int, spread_cpct: int, method: str, at_unix_ms: int) -> int:
        return self.submit(CapacityTest(passport_id, capacity_cpct, spread_cpct, method, at_unix_ms))

    def state(self, passport_id: bytes, values: Mapping[str, object], files: Sequence[Attachment] = ()) -> list[int]:
        """One statement for each group that the values are of; attachments go with the group that names them."""
        indices = []
        for group, of_group in by_group(values).items():
            named = json.dumps(of_group)
            attached = tuple(file for file in files if file.sha256.hex() in named)
            indices.append(self.submit(Values(passport_id, int(group), _stated(of_group), attached)))
        return indices

    def consent(self, passport_id: bytes, to: bytes) -> bytes:
        """To a hand-over (`to`: the own public key) or to a new passport (`to`: its id), as things stand now."""
        return sign_consent(passport_id, self.head(passport_id), to, self._own(), self._key())

    def submit(self, statement: Statement) -> int:
        """Signs and hands in. -> its index in the passport log. Raises EvidenceError, UnavailableError."""
        salt, now_unix_ms = secrets.token_bytes(SALT_BYTES), time.time_ns() // 1_000_000
        content = sign_statement(statement, salt, now_unix_ms, self._own(), self._key())
        answer = self._asked("statements", content)
        return int(answer["index"])

    # ---- reading

    def document(self, name: str) -> dict[str, Any]:
        return self._asked(_path(name))

    def validity(self, name: str) -> dict[str, Any]:
        return self._asked(_path(name, "/validity"))

    def listed(self) -> list[dict[str, Any]]:
        """All that the reader is responsible for."""
        found: list[dict[str, Any]] = []
        offset: int | None = 0
        while offset is not None:
            page = self._asked(f"passports?offset={offset}&limit=500")
            found += page["items"]
            offset = page["next"]
        return found

    def outgoing(self, name: str, limit: int) -> list[dict[str, Any]]:
        """What left for partners, the newest first."""
        found: list[dict[str, Any]] = self._asked(_path(name, f"/outgoing?limit={limit}"))["items"]
        return found

    def fresh(self, name: str, nonce: bytes, timeout_s: int) -> dict[str, Any]:
        """What the battery signs now, under this nonce of 16 bytes; waits timeout_s for it, 1 to 60."""
        body = json.dumps({"nonce": nonce.hex(), "timeout_s": timeout_s}).encode()
        return self._asked(_path(name, "/fresh"), body, JSON, timeout_s + TIMEOUT_S)

    def statements(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        after: int | None = -1
        while after is not None:
            page = self._asked(_path(name, f"/statements?after={after}&limit=500"))
            found += page["items"]
            after = page["next"]
        return found

    def head(self, passport_id: bytes) -> bytes:
        return _head(self.document(passport_id.hex()))

    def _sealed_logs(self, name: str) -> list[SealedLog]:
        """As the service has them; whether they are sealed is the service's to check."""
        logs = self._asked(_path(name, "/logs"))["items"]
        return [SealedLog(bytes.fromhex(log["log_id"]), log["size"], bytes.fromhex(log["root"])) for log in logs]

    def _asked(
        self, path: str, body: bytes | None = None, media_type: str = COSE, timeout_s: float = TIMEOUT_S
    ) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self._reader_key}"} if self._reader_key else {}
        headers |= {"Content-Type": media_type} if body else {}
        status, _, content = ask(f"{self.url}/api/v1/{path}", body, MAX_ANSWER_BYTES, timeout_s, headers)
        try:
            answer = json.loads(content)
            if status == 200 and isinstance(answer, dict):
                return answer
            detail, reason = str(answer["detail"]), str(answer.get("reason", ""))
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
            raise UnavailableError(f"{self.url}: answers {status}; is it a passport service?") from None
        if reason in set(Reason):
            raise EvidenceError(Reason(reason), detail)
        if status in (401, 403, 404, 422):
            raise ConfigError(f"{self.url}: {detail}")
        raise UnavailableError(f"{self.url}: {detail}")

    def _own(self) -> Signer:
        if self._signer is None:
            raise ConfigError("nothing to sign with; name a key file with --key")
        return self._signer

    def _key(self) -> VerifyingKey:
        return VerifyingKey(self._own().public_key)


def static_values(path: Path, passport_id: bytes | None) -> dict[bytes, Mapping[str, object]]:
    """What a file states of each passport. passport_id: of all that it holds, where it names none itself.

    Raises TableError with every mistake of the file: then nothing of it may be used.
    """
    found = read_static(read_bounded(path, MAX_FILE_BYTES), path.name)
    if found.problems:
        lines = [f"{path}: {problem}" for problem in found.problems]
        more = found.problem_count - len(found.problems)
        lines += [f"{path}: and {more} more"] if more else []
        raise TableError("\n".join([*lines, "nothing was imported"]))
    if OF_ONE in found.values:
        if passport_id is None:
            raise ConfigError(f"{path} names no passport; name it on the command line")
        return {passport_id: found.values[OF_ONE]}
    return {checked_passport(name): values for name, values in found.values.items()}


def attachment(path: Path, media_type: str) -> Attachment:
    """A file by its digest: the file itself stays where its owner publishes it."""
    content = path.read_bytes()
    return Attachment(path.name, media_type, len(content), sha256(content).digest())


def checked_passport(text: str) -> bytes:
    """Raises ConfigError."""
    try:
        passport_id = bytes.fromhex(text)
    except ValueError:
        passport_id = b""
    if len(passport_id) != PASSPORT_ID_BYTES:
        raise ConfigError(f"passport {text!r}: expected {2 * PASSPORT_ID_BYTES} hexadecimal digits")
    return passport_id


def _path(name: str, rest: str = "") -> str:
    """name: whatever a person typed."""
    return f"passports/{quote(name, safe='')}{rest}"


def _head(document: Mapping[str, Any]) -> bytes:
    try:
        return bytes.fromhex(document["life"]["head"])
    except (KeyError, TypeError, ValueError):
        raise UnavailableError("the service says nothing of the passport's life; was it created there?") from None


def _place_of(original: bytes, originals: Sequence[bytes]) -> int:
    if original not in originals:
        raise ConfigError(f"module of {original.hex()}: that passport is not among the originals")
    return originals.index(original)


def _stated(value: Any) -> Any:
    """Lists as the tuples that a statement holds."""
    if isinstance(value, list):
        return tuple(_stated(one) for one in value)
    if isinstance(value, Mapping):
        return {key: _stated(one) for key, one in value.items()}
    found: Stated = value
    return found
