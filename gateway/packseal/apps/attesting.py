"""What this gateway says of each delivery: when it came, by which clock, what was lost (docs/record.md section 5.8)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel

from packseal.apps.window_records import BoundSignals
from packseal.errors import EvidenceError
from packseal.io.clock import read_clock
from packseal.io.keys import Signer
from packseal.io.settings import GatewaySettings
from packseal.records.attestation import Attestation, Clock, sign_attestation, verify_attestation
from packseal.records.cose import VerifyingKey
from packseal.records.emptied import Emptied
from packseal.records.log import Delivery, Verified


@dataclass(frozen=True, slots=True)
class Attestor:
    signer: Signer
    settings_digest: bytes
    clock: Callable[[int], tuple[Clock, int | None]] = read_clock

    def attested(self, delivery: Delivery, verified: Verified, now_unix_ms: int, counts: Mapping[int, int]) -> Delivery:
        """The delivery with this gateway's word on it. counts: of the link or bus that it came by, by attestation key,
        since the gateway started."""
        clock, error_ms = self.clock(now_unix_ms)
        checkpoint = verified.checkpoint
        ends = (checkpoint.log_id, checkpoint.size, checkpoint.root)
        statement = Attestation(*ends, now_unix_ms, clock, error_ms, self.settings_digest, counts)
        return self._signed(delivery, statement)

    def emptied(self, delivery: Delivery, before: bytes | None, root: bytes, told: Emptied, stored_ms: int) -> Delivery:
        """The delivery with this gateway's word that it gave up the values of these windows.

        The rest of its word stays. Where another key of this gateway signed that, only when it was stored is left.
        """
        size = delivery.first_seq + len(delivery.entries)
        ends = (delivery.log_id, size, root)
        try:
            said = verify_attestation(before or b"", VerifyingKey(self.signer.public_key))
        except EvidenceError:
            said = Attestation(*ends, stored_ms, Clock.NEVER_SET, None, self.settings_digest, {})
        return self._signed(delivery, replace(said, emptied=told))

    def _signed(self, delivery: Delivery, statement: Attestation) -> Delivery:
        content = sign_attestation(statement, self.signer, VerifyingKey(self.signer.public_key))
        return replace(delivery, attestation=content)


def settings_digest(settings: GatewaySettings, signals: Mapping[str, BoundSignals]) -> bytes:
    """SHA-256 over the settings as docs/settings.md says; signals by battery of each [[can]]."""
    values = _without_paths(settings)
    values["can"] = [_without_paths(table) | _digests(signals[table.battery]) for table in settings.can]
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), default=_in_words)
    return hashlib.sha256(text.encode()).digest()


def _without_paths(table: BaseModel) -> dict[str, object]:
    """Its keys and values; what is a file's place, or was not set and has no default, is left out."""
    kept: dict[str, object] = {}
    for name, value in table:
        if isinstance(value, tuple):
            kept[name] = [_without_paths(item) if isinstance(item, BaseModel) else item for item in value]
        elif isinstance(value, BaseModel):
            kept[name] = _without_paths(value)
        elif not isinstance(value, Path) and value is not None:
            kept[name] = value
    return kept


def _digests(signals: BoundSignals) -> dict[str, object]:
    return {"dbc_digest": signals.dbc_digest, "binding_digest": signals.binding_digest}


def _in_words(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
