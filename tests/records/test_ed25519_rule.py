"""One acceptance rule for Ed25519 on every side, pinned by 914 signatures that libraries disagree on."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from packseal.errors import EvidenceError
from packseal.records.cose import VerifyingKey, sign1, verify1


def test_edge_signatures_are_accepted_as_libsodium_does(shared: Path) -> None:
    cases = json.loads((shared / "vectors/cctv-ed25519/ed25519vectors.json").read_text())
    assert Counter(map(_verdict, cases)) == {"accepted": 43, "bad-signature": 871}


def _verdict(case: dict[str, str]) -> str:
    try:
        VerifyingKey(bytes.fromhex(case["key"])).verify(case["msg"].encode(), bytes.fromhex(case["sig"]), "test")
    except EvidenceError as error:
        return error.reason
    return "accepted"


def test_a_purpose_binds_a_signature() -> None:
    key = SigningKey(bytes(32))
    signed = sign1(b"payload", "packseal/checkpoint/1", lambda message: key.sign(message).signature)
    assert verify1(signed, "packseal/checkpoint/1", VerifyingKey(bytes(key.verify_key))) == b"payload"
    with pytest.raises(EvidenceError, match="bad-signature"):
        verify1(signed, "packseal/receipt/1", VerifyingKey(bytes(key.verify_key)))
