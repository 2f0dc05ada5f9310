"""The search for secrets itself: it finds them however they were written, and nothing where there is none."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.security.leaks import LEAST_BYTES, forms, leaks

SECRETS = st.binary(min_size=LEAST_BYTES, max_size=40)
WRITERS: dict[str, Callable[[bytes], bytes]] = {
    "raw": lambda secret: secret,
    "hex": lambda secret: secret.hex().encode(),
    "HEX": lambda secret: secret.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64 for URLs": base64.urlsafe_b64encode,
    "repr": lambda secret: repr(secret).encode(),
    "in a repr": lambda secret: repr({"key": secret}).encode(),
    "JSON": lambda secret: json.dumps({"key": secret.decode("latin-1")}).encode(),
    "URL": lambda secret: b"/x?key=" + quote(secret).encode(),
    "numbers": lambda secret: repr(list(secret)).encode(),
    "bytearray": lambda secret: repr(bytearray(secret)).encode(),
}


@pytest.mark.parametrize("written", WRITERS)
@given(SECRETS, st.binary(max_size=9), st.binary(max_size=9))
def test_it_is_found_however_it_was_written(written: str, secret: bytes, before: bytes, after: bytes) -> None:
    content = before + WRITERS[written](secret) + after
    assert leaks({"key": secret}, {"log": content}) == ["key in log"]


@given(SECRETS, st.integers(0, 9), st.binary(max_size=9))
def test_it_is_found_inside_of_a_longer_text_in_base64(secret: bytes, before: int, after: bytes) -> None:
    content = base64.b64encode(b"x" * before + secret + after)
    assert leaks({"key": secret}, {"log": content})


def test_nothing_is_found_where_nothing_is() -> None:
    chance = random.Random(1)
    secrets = {str(number): chance.randbytes(32) for number in range(5)}
    assert leaks(secrets, {"log": chance.randbytes(200_000)}) == []


def test_what_is_too_short_to_be_looked_for_is_refused() -> None:
    with pytest.raises(ValueError, match="plant one"):
        forms(b"secret")
