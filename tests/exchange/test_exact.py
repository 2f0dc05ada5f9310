"""Values in JSON keep their digits, whoever reads them with doubles."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.exchange.exact import MAX_INTEGER, plain


@pytest.mark.parametrize(
    ("content", "written"),
    [
        (Decimal("91.20"), 91.2),
        (Decimal("0.10"), 0.1),
        (Decimal("150.0"), 150),
        (Decimal("0.1234567890123456789"), "0.1234567890123456789"),
        (MAX_INTEGER, MAX_INTEGER),
        (MAX_INTEGER + 1, str(MAX_INTEGER + 1)),
        (True, True),
        ("text", "text"),
    ],
)
def test_numbers_stay_numbers_where_a_double_holds_them(content: Decimal | int | str, written: object) -> None:
    found = plain(content)
    assert found == written
    assert type(found) is type(written)


def test_lists_and_maps_are_gone_through() -> None:
    assert plain({"a": [Decimal("0.5"), {"b": Decimal(2)}]}) == {"a": [0.5, {"b": 2}]}


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="finite"):
        plain(Decimal(text))


@settings(deadline=None)  # the machine may be busy
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**25), max_value=10**25))
def test_a_reader_with_doubles_gets_every_digit(content: Decimal) -> None:
    read = json.loads(json.dumps(plain(content)), parse_int=float)
    assert Decimal(read if isinstance(read, str) else repr(read)) == content
