"""Commands and notices of a fresh read (docs/fresh.md): both ways, cut short, altered, by others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.errors import EvidenceError, Reason
from packseal.records.cbor import Value, encode
from packseal.records.cose import key_id, sign1
from packseal.records.fresh import (
    FRESH_PURPOSE,
    MAX_COMMAND_BYTES,
    MAX_WAIT_MS,
    FreshCommand,
    FreshNotice,
    Step,
    decode_notice,
    encode_notice,
    sign_command,
    verify_command,
)
from tests.passport.board import key_of, signer
from tests.records.corpus import fits

SERVICE = key_of("service")
PUBLIC_KEY = bytes(SERVICE.verify_key)
LOG_ID, NONCE = bytes(range(16)), bytes(range(16, 32))
GOOD = sign_command(FreshCommand(LOG_ID, NONCE, 1_790_000_000_000), signer(SERVICE), PUBLIC_KEY)

commands = st.builds(
    FreshCommand, st.binary(min_size=16, max_size=16), st.binary(min_size=16, max_size=16), st.integers(0, 2**63 - 1)
)
notices = st.builds(
    FreshNotice, st.binary(min_size=16, max_size=16), st.sampled_from(Step), st.integers(0, MAX_WAIT_MS)
)


def reason_of(content: bytes, public_key: bytes = PUBLIC_KEY) -> Reason:
    with pytest.raises(EvidenceError) as refused:
        verify_command(content, public_key)
    return refused.value.reason


@given(commands)
def test_a_command_survives_its_bytes_and_fits_the_cddl(command: FreshCommand) -> None:
    content = sign_command(command, signer(SERVICE), PUBLIC_KEY)
    assert verify_command(content, PUBLIC_KEY) == command
    assert len(content) <= MAX_COMMAND_BYTES
    assert fits("fresh-command", content)


@given(notices)
def test_a_notice_survives_its_bytes_and_fits_the_cddl(notice: FreshNotice) -> None:
    content = encode_notice(notice)
    assert decode_notice(content) == notice
    assert fits("fresh-notice", content)


def test_no_bit_of_a_command_may_change_and_no_byte_may_go() -> None:
    for at in range(8 * len(GOOD)):
        changed = bytearray(GOOD)
        changed[at // 8] ^= 1 << at % 8
        assert reason_of(bytes(changed)) in {Reason.MALFORMED, Reason.BAD_SIGNATURE, Reason.UNKNOWN_SERVICE}
    for end in range(len(GOOD)):
        assert reason_of(GOOD[:end]) is Reason.MALFORMED
    assert reason_of(GOOD + b"\0") is Reason.MALFORMED
    assert reason_of(bytes(MAX_COMMAND_BYTES + 1)) is Reason.MALFORMED


def test_a_command_counts_for_one_service_and_one_purpose() -> None:
    assert reason_of(GOOD, bytes(key_of("another").verify_key)) is Reason.UNKNOWN_SERVICE
    payload = encode([1, LOG_ID, NONCE, 1])
    other_purpose = sign1(payload, "packseal/receipt/1", signer(SERVICE), kid=key_id(PUBLIC_KEY))
    assert reason_of(other_purpose) is Reason.BAD_SIGNATURE


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ([2, LOG_ID, NONCE, 1], Reason.UNKNOWN_VERSION),
        ([1, LOG_ID[:15], NONCE, 1], Reason.MALFORMED),
        ([1, LOG_ID, NONCE[:15], 1], Reason.MALFORMED),
        ([1, LOG_ID, NONCE + b"\0", 1], Reason.MALFORMED),
        ([1, LOG_ID, NONCE, -1], Reason.MALFORMED),
        ([1, LOG_ID, NONCE, 1, 1], Reason.MALFORMED),
        ([1, LOG_ID, NONCE], Reason.MALFORMED),
    ],
)
def test_a_signed_command_of_another_shape_is_refused(payload: list[Value], reason: Reason) -> None:
    assert reason_of(sign1(encode(payload), FRESH_PURPOSE, signer(SERVICE), kid=key_id(PUBLIC_KEY))) is reason


@given(st.binary(max_size=80))
def test_noise_is_no_notice_and_no_command(content: bytes) -> None:
    for read in (decode_notice, lambda noise: verify_command(noise, PUBLIC_KEY)):
        with pytest.raises(EvidenceError):
            read(content)


@pytest.mark.parametrize(
    "value", [[1, NONCE, 0, 0], [1, NONCE, 99, 0], [1, NONCE, 1, -1], [1, NONCE, 1, MAX_WAIT_MS + 1], [2, NONCE, 1, 0]]
)
def test_a_notice_of_another_shape_is_refused(value: list[Value]) -> None:
    with pytest.raises(EvidenceError, match="malformed"):
        decode_notice(encode(value))
