"""The answer to a delivery: both kinds there and back, and nothing else."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.errors import EvidenceError, Reason
from packseal.records.answer import (
    MAX_ANSWER_BYTES,
    ReceiptAnswer,
    RefusalAnswer,
    decode_answer,
    encode_receipt_answer,
    encode_refusal_answer,
)
from packseal.records.cbor import Value, encode

LOG_ID = bytes(range(16))


@given(st.binary(max_size=300))
def test_a_receipt_comes_back(receipt: bytes) -> None:
    assert decode_answer(encode_receipt_answer(LOG_ID, receipt)) == ReceiptAnswer(LOG_ID, receipt)


@given(st.sampled_from([b"", LOG_ID]), st.integers(0, (1 << 24) - 1), st.sampled_from(Reason), st.text(max_size=160))
def test_a_refusal_comes_back(log_id: bytes, size: int, reason: Reason, detail: str) -> None:
    assert decode_answer(encode_refusal_answer(log_id, size, reason, detail)) == RefusalAnswer(
        log_id, size, reason, detail
    )


def test_a_long_detail_is_cut() -> None:
    content = encode_refusal_answer(LOG_ID, 0, Reason.FORK, "\U0001f50b" * 5_000)
    assert len(content) <= MAX_ANSWER_BYTES
    assert isinstance(decode_answer(content), RefusalAnswer)


@given(st.binary(max_size=60))
def test_other_bytes_raise_only_our_error(content: bytes) -> None:
    with suppress(EvidenceError):
        decode_answer(content)


BAD: list[tuple[Value, Reason]] = [
    ([2, LOG_ID, b""], Reason.UNKNOWN_VERSION),
    ([1, b"short", b""], Reason.MALFORMED),
    ([1, LOG_ID, "text"], Reason.MALFORMED),
    ([1, LOG_ID, -1, "fork", ""], Reason.MALFORMED),
    ([1, LOG_ID, 1 << 24, "fork", ""], Reason.MALFORMED),
    ([1, LOG_ID, 0, "fork"], Reason.MALFORMED),
    ([1, LOG_ID, bytes(MAX_ANSWER_BYTES)], Reason.MALFORMED),
]


@pytest.mark.parametrize(("value", "reason"), BAD)
def test_what_is_no_answer_is_refused(value: Value, reason: Reason) -> None:
    with pytest.raises(EvidenceError) as refused:
        decode_answer(encode(value))
    assert refused.value.reason is reason
