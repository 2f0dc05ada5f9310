"""A presentation is good for one audience and one nonce, for as long as the recipient says, and by whom it trusts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.errors import EvidenceError, Reason
from packseal.exchange.presentation import (
    MAX_PRESENTATION_BYTES,
    PURPOSE,
    Asked,
    Presented,
    present,
    verify_presentation,
)
from packseal.records.bundle import MAX_BUNDLE_BYTES
from packseal.records.cbor import encode
from packseal.records.cose import VerifyingKey, sign1
from tests.passport.board import key_of, signer

ASKED = Asked("https://depot.example", bytes(range(16)))
MADE_UNIX_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
KEY = VerifyingKey(bytes(key_of("operator").verify_key))
OTHER = VerifyingKey(bytes(key_of("maker").verify_key))
BUNDLE = b"a bundle"


def made(asked: Asked = ASKED, bundle: bytes = BUNDLE, made_unix_ms: int = MADE_UNIX_MS) -> bytes:
    return present(bundle, asked, made_unix_ms, signer(key_of("operator")), KEY)


def refusal(content: bytes, asked: Asked = ASKED, now_unix_ms: int = MADE_UNIX_MS) -> Reason:
    with pytest.raises(EvidenceError) as refused:
        verify_presentation(content, asked, (OTHER, KEY), now_unix_ms, HOUR_MS)
    return refused.value.reason


def signed(fields: list[object]) -> bytes:
    return sign1(encode(fields), PURPOSE, signer(key_of("operator")), KEY.kid)  # type: ignore[arg-type]


@given(st.binary(max_size=MAX_BUNDLE_BYTES), st.binary(min_size=16, max_size=64), st.integers(-60_000, HOUR_MS))
def test_who_asked_gets_the_bundle(bundle: bytes, nonce: bytes, age_ms: int) -> None:
    asked = Asked("depot", nonce)
    content = made(asked, bundle)
    assert len(content) <= MAX_PRESENTATION_BYTES
    found = verify_presentation(content, asked, (OTHER, KEY), MADE_UNIX_MS + age_ms, HOUR_MS)
    assert found == Presented(bundle, KEY, MADE_UNIX_MS)


def test_for_nobody_else_and_not_again() -> None:
    assert refusal(made(), Asked("https://other.example", ASKED.nonce)) is Reason.WRONG_AUDIENCE
    assert refusal(made(), Asked(ASKED.audience, bytes(16))) is Reason.WRONG_NONCE


@pytest.mark.parametrize("off_ms", [-60_001, HOUR_MS + 1])
def test_not_from_the_future_and_not_old(off_ms: int) -> None:
    assert refusal(made(), now_unix_ms=MADE_UNIX_MS + off_ms) is Reason.OUTDATED


def test_by_nobody_else() -> None:
    with pytest.raises(EvidenceError) as unknown:
        verify_presentation(made(), ASKED, (OTHER,), MADE_UNIX_MS, HOUR_MS)
    assert unknown.value.reason is Reason.UNKNOWN_AUTHORITY
    forged = present(BUNDLE, ASKED, MADE_UNIX_MS, signer(key_of("maker")), KEY)
    assert refusal(forged) is Reason.BAD_SIGNATURE


WRONG: dict[str, tuple[list[object], Reason]] = {
    "another version": ([2, "depot", bytes(16), 0, b""], Reason.UNKNOWN_VERSION),
    "no bundle": ([1, "depot", bytes(16), 0], Reason.MALFORMED),
    "a short nonce": ([1, "depot", bytes(15), 0, b""], Reason.MALFORMED),
    "a long nonce": ([1, "depot", bytes(65), 0, b""], Reason.MALFORMED),
    "a time before all": ([1, "depot", bytes(16), -1, b""], Reason.MALFORMED),
    "a long audience": ([1, "d" * 201, bytes(16), 0, b""], Reason.MALFORMED),
}


@pytest.mark.parametrize(("fields", "reason"), WRONG.values(), ids=WRONG)
def test_what_has_another_shape_is_refused(fields: list[object], reason: Reason) -> None:
    assert refusal(signed(fields)) is reason


def test_every_flipped_bit_and_every_cut_is_refused() -> None:
    content = made()
    for place in range(len(content)):
        flipped = bytearray(content)
        flipped[place] ^= 1
        refusal(bytes(flipped))
        refusal(content[:place])
    assert refusal(content + bytes(MAX_PRESENTATION_BYTES)) is Reason.MALFORMED


def test_a_bundle_is_no_larger_than_bundles_are() -> None:
    with pytest.raises(EvidenceError) as refused:
        made(bundle=bytes(MAX_BUNDLE_BYTES + 1))
    assert refused.value.reason is Reason.MALFORMED


@pytest.mark.parametrize(("audience", "nonce"), [("", bytes(16)), ("a\n", bytes(16)), ("d", bytes(15))])
def test_who_asks_has_a_name_and_a_nonce(audience: str, nonce: bytes) -> None:
    with pytest.raises(ValueError, match="an audience is"):
        Asked(audience, nonce)
