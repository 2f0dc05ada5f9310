"""What integrators and operators sign: keys enrolled, boards bound, keys rotated and revoked, orders to boards.

Acts go to a passport service over HTTP, whose answer is the index of their leaf; they need no other protection than
their own signature.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any

from packseal.errors import ConfigError, EvidenceError, Reason, UnavailableError
from packseal.io.http_client import checked_url
from packseal.io.keys import Signer
from packseal.io.link import Hello
from packseal.records.acts import (
    Bind,
    Cause,
    Enrol,
    Revoke,
    Role,
    Rotate,
    Statement,
    sign_act,
    sign_possession,
)
from packseal.records.cbor import encode
from packseal.records.checkpoint import FORMAT_VERSION
from packseal.records.cose import VerifyingKey, key_id, sign1
from packseal.records.entries import genesis_key, log_id_of

ORDER_PURPOSE = "packseal/order/1"
ORDERS = {"seal": 1, "rotate": 2}
TIMEOUT_S = 10
TRIES = 3
MAX_ANSWER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who signs acts, with the time that goes into them."""

    signer: Signer
    now_unix_ms: int

    @property
    def key(self) -> VerifyingKey:
        return VerifyingKey(self.signer.public_key)

    def act(self, statement: Statement, salt: bytes) -> bytes:
        return sign_act(statement, salt, self.now_unix_ms, self.signer, self.key)

    def enrol(self, role: Role, key: VerifyingKey, nonce: bytes, possession: bytes) -> bytes:
        """nonce: what the possession was made for; it is the salt of the act."""
        return self.act(Enrol(role, key, possession), nonce)

    def enrol_file(self, role: Role, device: Signer, nonce: bytes) -> bytes:
        """Of a key that lies in a file here, as a gateway's does."""
        key = VerifyingKey(device.public_key)
        return self.enrol(role, key, nonce, sign_possession(key, nonce, device))

    def bind(self, public_key: bytes, battery: str, evidence_class: str, salt: bytes) -> bytes:
        return self.act(Bind(public_key, battery, evidence_class), salt)

    def revoke(self, public_key: bytes, cause: Cause, salt: bytes) -> bytes:
        return self.act(Revoke(public_key, cause), salt)

    def rotate(self, new: Signer, nonce: bytes) -> bytes:
        key = VerifyingKey(new.public_key)
        return self.act(Rotate(key, sign_possession(key, nonce, new)), nonce)

    def order(self, log_id: bytes, order: str, board_key: bytes, cause: int) -> bytes:
        """For the board that signs with board_key (docs/record.md section 5.7)."""
        payload = encode([FORMAT_VERSION, log_id, ORDERS[order], key_id(board_key), cause])
        return sign1(payload, ORDER_PURPOSE, self.signer, self.key.kid)


def order_for(signatory: Signatory, hello: Hello, order: str, cause: int, board_key: bytes | None) -> bytes:
    """For the log that a board has said it has; board_key where it is no longer the one that opened the log."""
    key = board_key or genesis_key(hello.genesis).public_key
    return signatory.order(log_id_of(hello.genesis), order, key, cause)


def submit(url: str, act: bytes) -> int:
    """Hands an act to a passport service. -> its index in the passport log.

    Where an answer was lost, the same act is sent again: it is taken once. Raises EvidenceError with the service's
    reason, UnavailableError where it does not answer or can take nothing now.
    """
    request = urllib.request.Request(f"{checked_url(url)}/acts", act, {"Content-Type": "application/cose"})  # noqa: S310
    try:
        status, content = _answered(request)
        answer = _json(content) if status in (200, 403) else {}
        if status == 200:
            return int(answer["index"])
    except (OSError, HTTPException, KeyError, TypeError, ValueError) as error:
        raise UnavailableError(f"{url}: no answer: {error}; check address and network") from None
    reason = str(answer.get("reason"))
    if reason in set(Reason):
        raise EvidenceError(Reason(reason), str(answer.get("detail", "")))
    words = f"not now: {_detail(content)}" if status == 503 else "is it a passport service?"
    raise UnavailableError(f"{url}: answers {status}; {words}")


def _detail(content: bytes) -> str:
    with suppress(ValueError, KeyError):
        return str(_json(content)["detail"])
    return "try again later"


def _answered(request: urllib.request.Request) -> tuple[int, bytes]:
    """Status and content, whatever the status."""
    for _ in range(TRIES - 1):
        try:
            return _asked(request)
        except urllib.error.URLError:
            raise  # it was never sent
        except (OSError, HTTPException):
            continue  # whether it was taken, nobody knows
    return _asked(request)


def _asked(request: urllib.request.Request) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - http or https, checked
            return answer.status, answer.read(MAX_ANSWER_BYTES)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(MAX_ANSWER_BYTES)


def _json(content: bytes) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except RecursionError as error:
        raise ValueError(str(error)) from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value


def checked_battery(text: str) -> str:
    """Raises ConfigError for what no act can name."""
    if not 0 < len(text.encode()) <= 63:
        raise ConfigError(f"--battery {text!r}: expected 1 to 63 bytes")
    return text
