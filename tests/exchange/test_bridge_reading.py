"""Documents of others: within limits, decimals exact, and nothing but our own error."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.errors import TableError
from packseal.exchange.bridge.decisions import Decisions
from packseal.exchange.bridge.reading import MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_LEAVES, read_document
from packseal.exchange.bridge.to_catena_x import to_catena_x
from packseal.exchange.bridge.to_ouranos import to_ouranos
from packseal.exchange.bridge.units import five_places, words
from packseal.exchange.loss import Json
from tests.exchange.bridges import DECIDED, of_catena_x, of_ouranos

numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6)
anything = st.recursive(
    st.none() | st.booleans() | st.text(max_size=9) | numbers,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


def test_decimals_are_what_was_written() -> None:
    document = read_document(b'{"cfp": [{"ghgEmission": 0.1, "n": 1}]}', "cfp.json")
    assert document == {"cfp": [{"ghgEmission": Decimal("0.1"), "n": Decimal(1)}]}


def test_the_bare_answer_of_the_call() -> None:
    assert read_document(b'\xef\xbb\xbf[{"cfpType": "preProduction"}]', "cfp.json") == {
        "cfp": [{"cfpType": "preProduction"}]
    }


@pytest.mark.parametrize(
    ("content", "cure"),
    [
        (b" " * (MAX_DOCUMENT_BYTES + 1), "the limit is"),
        (b"{", "no JSON"),
        (b"\xff{}", "no JSON"),
        (b"7", "expected an object"),
        (b'{"a": 1, "a": 2}', "a key stands twice"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": 1e999999999}', "no quantity of this kind"),
        (b'{"a": 0.%s}' % (b"3" * 40), "no quantity of this kind"),
        (b'{"a": %s}' % (b"9" * 5000), "no quantity of this kind"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested"),
        (b"[" + b"1," * MAX_LEAVES + b"1]", "more than"),
    ],
)
def test_what_is_refused(content: bytes, cure: str) -> None:
    with pytest.raises(TableError, match=cure):
        read_document(content, "cfp.json")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_refused(content: bytes) -> None:
    try:
        read_document(content, "cfp.json")
    except TableError:
        return


@st.composite
def disturbed(draw: st.DrawFn, document: Json) -> Json:
    """Something else at a place where something is."""
    name = draw(st.sampled_from(sorted(document)))
    inner = document[name]
    if draw(st.booleans()) and isinstance(inner, dict) and inner:
        return {**document, name: draw(disturbed(inner))}
    if draw(st.booleans()) and isinstance(inner, list) and inner and isinstance(inner[0], dict):
        return {**document, name: [draw(disturbed(inner[0])), *inner[1:]]}
    return {**document, name: draw(anything)}


@given(st.data(), st.sampled_from([DECIDED, Decisions()]))
def test_a_document_of_another_shape_is_losses_and_no_fault(data: st.DataObject, decided: Decisions) -> None:
    to_catena_x(data.draw(disturbed(of_ouranos())), decided)
    to_ouranos(data.draw(disturbed(of_catena_x())), decided)


@given(st.fractions(min_value=0, max_value=99999))
def test_five_places_are_never_below(exact: Fraction) -> None:
    rounded = five_places(exact)
    assert exact <= Fraction(rounded.value) < exact + Fraction(1, 100_000)
    assert rounded.is_exact is (Fraction(rounded.value) == exact)
    assert words(exact).endswith("…") is (Fraction(words(exact).rstrip("…")) != exact)
