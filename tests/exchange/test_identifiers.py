"""Names of companies, sites and parts: every form, every check character, and nothing from one to another by itself."""

from __future__ import annotations

import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.exchange.export import UnfitError
from packseal.exchange.identifiers import (
    Associations,
    Identifiers,
    Party,
    Plant,
    bpna,
    bpnl,
    bpns,
    corporate_number,
    gln,
    lei,
    open_operator_id,
    open_plant_id,
    part_id,
    trace_id,
)

# Published ones: of companies in the Tractus-X test data, the National Tax Agency and a car maker of Japan, and others.
GOOD: list[tuple[Callable[[str], str], str]] = [
    (bpnl, "BPNL00000003AYRE"),
    (bpnl, "BPNL00000003CRHK"),
    (bpnl, "BPNL00000003B2OM"),
    (bpns, "BPNS00000003AYRE"),
    (bpna, "BPNA00000003AYRE"),
    (corporate_number, "7000012050002"),
    (corporate_number, "1180301018771"),
    (lei, "529900T8BM49AURSDO55"),
    (gln, "4012345000009"),
    (open_operator_id, "1234567890123"),
    (open_plant_id, "9876543210987123456"),
    (open_plant_id, "123456"),
    (part_id, "PS-60 Rev. B"),
    (trace_id, "d9a38406-cae2-4679-b052-15a75f5531f5"),
]
CHECKED = [(form, text) for form, text in GOOD if form in (bpnl, bpns, bpna, corporate_number, lei, gln)]


@pytest.mark.parametrize(("form", "text"), GOOD)
def test_a_name_is_what_it_is(form: Callable[[str], str], text: str) -> None:
    assert form(text) == text


@pytest.mark.parametrize(("form", "text"), CHECKED)
def test_a_digit_mistaken_is_found(form: Callable[[str], str], text: str) -> None:
    """One character for another, at any place, is what check characters are for."""
    for place, character in enumerate(text):
        if character.isdigit():
            wrong = text[:place] + str((int(character) + 1) % 10) + text[place + 1 :]
            with pytest.raises(UnfitError, match=wrong):
                form(wrong)


def test_check_characters_over_the_whole_number_are_taken_too() -> None:
    """CX-0010 2.2 asks for them; none in circulation has them."""
    head = "BPNL0000000012"
    value = int(head, 36) * 1296
    check = (1 - value) % 1271
    alphabet = string.digits + string.ascii_uppercase
    text = f"{head}{alphabet[check // 36]}{alphabet[check % 36]}"
    assert bpnl(text) == text


@pytest.mark.parametrize(
    ("form", "text", "words"),
    [
        (bpnl, "BPNS00000003AYRE", "no number of a legal entity"),
        (bpnl, "BPNL00000003AYR", "BPNL and 12 capital letters"),
        (bpnl, "bpnl00000003ayre", "no number of a legal entity"),
        (bpns, "BPNL00000003AYRE", "no number of a site"),
        (bpna, "BPNA00000003AYRF", "check characters do not fit"),
        (corporate_number, "700001205000", "expected 13 digits"),
        (corporate_number, "\uff17000012050002", "expected 13 digits"),
        (lei, "529900T8BM49AURSDO5", "2 check digits"),
        (gln, "401234500000", "expected 13 digits"),
        (open_operator_id, "1" * 21, "1 to 20 characters"),
        (open_operator_id, "", "1 to 20 characters"),
        (open_plant_id, "12345", "last six of them digits"),
        (open_plant_id, "PLANT-12345A", "last six of them digits"),
        (open_plant_id, "1" * 27, "6 to 26 characters"),
        (part_id, "", "expected 1 to"),
        (part_id, " PS-60", "expected 1 to"),
        (trace_id, "d9a38406", "a UUID"),
    ],
)
def test_what_can_be_no_such_name(form: Callable[[str], str], text: str, words: str) -> None:
    with pytest.raises(UnfitError, match=words):
        form(text)


@given(st.text(max_size=30))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    for form, _ in GOOD:
        try:
            assert form(text) == text
        except UnfitError:
            continue


def test_a_party_with_a_wrong_number_is_none() -> None:
    with pytest.raises(UnfitError, match="no LEI"):
        Party("Cells AG", lei="529900T8BM49AURSDO56")
    with pytest.raises(UnfitError, match="no openPlantId"):
        Plant("Tochigi", open_plant_id="1")
    with pytest.raises(UnfitError, match="no traceId"):
        Identifiers(Party("Cells AG"), "PS-60", trace_id="1")


def test_an_association_is_found_by_any_number_and_by_no_word() -> None:
    cells = Party("Cells KK", corporate_number="1180301018771", bpnl="BPNL00000003AYRE")
    known = Associations((cells,), (Plant("Tochigi", open_plant_id="1180301018771000001", bpns="BPNS00000003AYRE"),))
    assert known.party("BPNL00000003AYRE") is cells is known.party("1180301018771")
    assert known.party("Cells KK") is None
    assert known.plant("1180301018771000001") is known.plants[0]
    assert known.plant("BPNL00000003AYRE") is None


def test_in_japan_the_operator_is_the_corporate_number() -> None:
    assert Party("Cells KK", corporate_number="1180301018771").operator == "1180301018771"
    assert Party("Cells AG", open_operator_id="DE-1").operator == "DE-1"
    assert Party("Cells AG", bpnl="BPNL00000003AYRE").operator is None


def test_one_name_of_two_companies_is_refused() -> None:
    with pytest.raises(UnfitError, match="stands for two parties, A and B"):
        Associations((Party("A", bpnl="BPNL00000003AYRE"), Party("B", bpnl="BPNL00000003AYRE")))
