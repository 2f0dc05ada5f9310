"""The firmware's blinding against the gateway's, which shares no code with it (docs/record.md section 4)."""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logger.core import blinding, entries
from packseal.records import blinding as gateway

SEED = bytes(range(16))
WINDOW, SOH, ESTIMATE = 2, 3, 10
cells = st.lists(st.none() | st.integers(500, 5_000), max_size=128)
numbers = st.integers(0, 1 << 40)


def window_entry(seq: int, cell_mv: list[int | None], more: dict[int, Any]) -> bytes:
    body = {1: 60_000, 2: 60, 6: entries.encode_column(cell_mv) or None, **more}
    content: bytes = entries.encode(WINDOW, seq, 1, 60_000 * seq, entries.without_absent(body))
    return content


def statement_entry(capacity_cpct: int) -> bytes:
    body = {1: 1, 2: [3, 9], 3: 10_000, 4: [9_100, 40], 5: [capacity_cpct, 40], 9: 0}
    content: bytes = entries.encode(SOH, 10, 1, 600_000, body)
    return content


def estimate_entry(**said: Any) -> bytes:
    content: bytes = entries.encode(ESTIMATE, 10, 1, 600_000, entries.estimate_body(**said))
    return content


def leaf_of_both(entry: bytes) -> bytes:
    leaf: bytes = blinding.leaf_of(entry, SEED)
    assert leaf == gateway.leaf_of(entry, SEED)[1]
    return leaf


@given(st.binary(max_size=64), st.binary(max_size=300))
def test_hmac_is_the_librarys(key: bytes, message: bytes) -> None:
    assert blinding.HMAC(key).digest(message) == hmac.digest(key, message, "sha256")


@given(cells)
def test_a_column_is_read_back(cell_mv: list[int | None]) -> None:
    assert list(entries.decode_column(entries.encode_column(cell_mv))) == cell_mv


@given(st.integers(0, (1 << 24) - 2), cells, st.dictionaries(st.sampled_from([3, 8, 10, 11, 12, 13]), numbers))
def test_any_window_has_the_leaf_that_the_gateway_finds(
    seq: int, cell_mv: list[int | None], more: dict[int, int]
) -> None:
    leaf_of_both(window_entry(seq, cell_mv, more))


@pytest.mark.parametrize("capacity_cpct", [0, 1, 49, 50, 51, 9_120, 12_700, 12_749, 12_750, 12_751, 20_000])
def test_any_state_of_health_has_the_leaf_that_the_gateway_finds(capacity_cpct: int) -> None:
    """Also beyond both ends of the chains, at 12,750."""
    leaf_of_both(statement_entry(capacity_cpct))


blocks = st.none() | st.lists(numbers, min_size=3, max_size=3).map(lambda found: [found[0] % 1024, *found[1:]])
pairs = st.lists(numbers, min_size=2, max_size=2)


@given(
    st.integers(1, 255), numbers, st.none() | pairs, st.lists(st.integers(1, 255), min_size=1, max_size=9),
    st.none() | st.integers(-400, 900), st.none() | pairs, blocks, blocks, st.booleans(),
)  # fmt: skip
def test_any_estimate_has_the_leaf_that_the_gateway_finds(
    quantity: int, method: int, value: Any, lacking: Any, ddegc: Any, span: Any, least: Any, most: Any, has_inputs: bool
) -> None:
    """And is one that it takes."""
    leaf_of_both(
        estimate_entry(
            quantity=quantity,
            method=method,
            inputs=[3, 9] if has_inputs else None,
            value=value,
            lacking=None if value else lacking,
            temperature_ddegc=ddegc,
            soc_span_cpct=span,
            age_ms=60_000 if has_inputs else None,
            least=least,
            most=most,
        )
    )


@pytest.mark.parametrize(
    "said",
    [{}, {"lacking": []}, {"value": [1, 1], "lacking": [1]}, {"value": [1, 1], "inputs": [2, 3]},
     {"lacking": [1], "age_ms": 5}],
)  # fmt: skip
def test_a_board_makes_no_estimate_that_no_reader_takes(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="an ESTIMATE has"):
        entries.estimate_body(3, 4, **said)


def test_equal_values_of_two_entries_do_not_look_alike() -> None:
    first, second = (blinding.finish(blinding.blinded_steps(window_entry(seq, [3_700], {}), SEED)) for seq in (1, 2))
    assert first[-32:] != second[-32:]


def test_large_windows_and_long_chains_are_blinded_in_short_steps() -> None:
    """96 cells: one step for every four, as many for the fields, and one before; a chain: 16 links a step."""
    large = window_entry(1, [3_700] * 96, {})
    assert len(list(blinding.leaf_steps(large, SEED))) == 1 + 96 // 4 + 16 // 4
    assert len(list(blinding.leaf_steps(statement_entry(9_120), SEED))) >= 255 // 16 + 16 // 4
