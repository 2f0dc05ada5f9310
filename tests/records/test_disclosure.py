"""Disclosures: what is asked for is shown, and nothing else can be read out of the bytes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.errors import EvidenceError
from packseal.records.blinding import OpenRecord
from packseal.records.bodies import EntryType, StateOfHealth, Window
from packseal.records.bundle import Bundle
from packseal.records.cbor import decode, encode
from packseal.records.disclosure import Disclosure, Shown, Wanted, disclose, verify_disclosure
from packseal.records.entries import BLINDED_TYPES, decode_entry, showable_fields
from packseal.records.verify import verify_bundle
from tests.records.corpus import POLICIES, good
from tests.vectors.bundles import plain
from tests.vectors.entries import SEED, SOH, soh_body, window
from tests.vectors.estimates import HEALTH, KNOWN, LACKING
from tests.vectors.scenes import scene, with_estimates

SCENE = scene()
LOG = SCENE.logs["example"]
WINDOW = 6
CELLS = 6
NAMES: dict[int, dict[int, str]] = {
    kind: {key: name for name, key in showable_fields(kind).items()} for kind in BLINDED_TYPES
}
ESTIMATES = with_estimates()
ESTIMATE_LOG = ESTIMATES.logs["estimates"]


def body_of(seq: int) -> dict[int, Any]:
    entry: Any = decode(LOG.entries[seq])
    return dict(entry[4])


def shown_bundle(seq: int, wanted: Wanted) -> tuple[bytes, Any]:
    bundle = SCENE.shown(seq, wanted)
    content = bundle.to_bytes()
    trusted = verify_bundle(content, POLICIES["acts"])
    assert trusted.shown is not None
    return content, trusted.shown


def open_values(seq: int) -> dict[str, Any]:
    """Every value of the open record, by name."""
    body = decode_entry(LOG.entries[seq]).body
    assert isinstance(body, Window | StateOfHealth)
    names = NAMES[EntryType.WINDOW if isinstance(body, Window) else EntryType.SOH]
    return {name: plain(getattr(body, name)) for key, name in names.items() if key in body_of(seq)}


# ---- exactly what is wanted


subsets_of_a_window = st.sets(st.sampled_from(sorted(body_of(WINDOW))))
subsets_of_cells = st.sets(st.integers(0, 5))
subsets_of_a_statement = st.sets(st.sampled_from(sorted(body_of(SOH))))


@settings(deadline=None)
@given(subsets_of_a_window, subsets_of_cells)
def test_any_values_and_cells_of_a_window(fields: set[int], cells: set[int]) -> None:
    content, shown = shown_bundle(WINDOW, Wanted(fields, cells))
    values = open_values(WINDOW)
    wanted = {NAMES[EntryType.WINDOW][key] for key in fields - {CELLS}}
    assert {name: plain(value) for name, value in shown.fields.items()} == {name: values[name] for name in wanted}
    assert shown.cells == {block: values["cell_mv"][block] for block in cells}
    assert_hidden(content, WINDOW, fields | ({CELLS} if cells else set()), cells)


@settings(deadline=None)
@given(subsets_of_a_statement, st.none() | st.integers(1, 182), st.none() | st.integers(183, 254))
def test_any_values_and_bounds_of_a_statement(fields: set[int], floor: int | None, ceiling: int | None) -> None:
    at_least, at_most = (bound and bound * 50 for bound in (floor, ceiling))
    content, shown = shown_bundle(SOH, Wanted(fields, (), at_least, at_most))
    values = open_values(SOH)
    wanted = {NAMES[EntryType.SOH][key] for key in fields}
    assert {name: plain(value) for name, value in shown.fields.items()} == {name: values[name] for name in wanted}
    assert (shown.at_least_cpct, shown.at_most_cpct) == (at_least, at_most)
    ends = {key for key, bound in ((14, floor), (15, ceiling)) if bound}
    assert_hidden(content, SOH, fields | ends, set())
    record = OpenRecord.of(LOG.entries[SOH], LOG.record_seed(SOH))
    for key, steps in ((14, floor), (15, ceiling and 255 - ceiling)):
        start, length = record.chains[key]
        assert (start in content) == (steps == length)  # the tightest bound's link is where the chain begins


@settings(deadline=None)
@given(st.sampled_from([HEALTH, KNOWN, LACKING]), st.data())
def test_any_values_of_an_estimate_and_of_a_health_with_its_blocks(seq: int, data: st.DataObject) -> None:
    entry = decode_entry(ESTIMATE_LOG.entries[seq])
    record = OpenRecord.of(ESTIMATE_LOG.entries[seq], ESTIMATE_LOG.record_seed(seq))
    keys = data.draw(st.sets(st.sampled_from(sorted(set(record.pairs) & set(NAMES[entry.type])))))
    bundle = ESTIMATES.shown(seq, Wanted(fields=keys), "estimates", acts=["bind estimates"])
    shown = verify_bundle(bundle.to_bytes(), POLICIES["acts"]).shown
    assert shown is not None
    assert shown.fields == {NAMES[entry.type][key]: getattr(entry.body, NAMES[entry.type][key]) for key in keys}
    hidden = [record.salt(key) for key in range(16) if key not in keys]
    assert not [salt.hex() for salt in hidden if salt in bundle.to_bytes()]


def assert_hidden(content: bytes, seq: int, fields: set[int], cells: set[int]) -> None:
    """No pair, no salt and no seed of what is not shown is among the bytes."""
    record = OpenRecord.of(LOG.entries[seq], LOG.record_seed(seq))
    secrets = {LOG.disclosure_seed, LOG.record_seed(seq)}
    secrets |= {record.salt(key) for key in range(16) if key not in fields}
    secrets |= {record.cell_salt(block) for block in range(len(record.cell_pairs)) if block not in cells}
    assert not [secret.hex() for secret in secrets if secret in content]
    hidden = [record.pairs[key][1:] for key in record.pairs if key not in fields]
    if seq == WINDOW:
        hidden.append(encode(body_of(seq)[CELLS]))  # the column itself is in no disclosure
        hidden += [record.cell_pairs[block][1:] for block in range(len(record.cell_pairs)) if block not in cells]
    shown = Bundle.from_bytes(content)
    assert isinstance(shown.shown, dict)
    disclosed = encode(shown.shown)
    assert not [pair.hex() for pair in hidden if len(pair) > 3 and pair in disclosed]
    numbers = {item[0] for item in shown.shown[1]}  # type: ignore[index, union-attr]
    assert numbers == fields


def test_what_is_shown_is_among_the_bytes() -> None:
    """So that a search that finds nothing means something."""
    content, _ = shown_bundle(WINDOW, Wanted(fields=[8], cells=[2]))
    record = OpenRecord.of(LOG.entries[WINDOW], LOG.record_seed(WINDOW))
    for secret in (record.salt(8), record.pairs[8][1:], record.cell_salt(2), record.cell_pairs[2][1:]):
        assert secret in content
    whole = bytes.fromhex(good(f"record {WINDOW}, WINDOW")["bundle"])
    assert LOG.record_seed(WINDOW) in whole
    assert SEED not in whole


# ---- bounds


def statement(soh_cpct: int) -> bytes:
    return encode([3, 9, 1, 5, soh_body() | {5: [soh_cpct, 45]}])


SEED_9 = bytes(16)


def proves(soh_cpct: int, **bounds: int) -> bool:
    """Whether a holder can show these bounds; a reader then sees them and nothing else."""
    wanted = Wanted(at_least_cpct=bounds.get("at_least_cpct"), at_most_cpct=bounds.get("at_most_cpct"))
    try:
        blinded, disclosure = disclose(statement(soh_cpct), SEED_9, wanted)
    except EvidenceError as error:
        if error.reason != "bad-threshold":
            raise
        return False
    shown = verify_disclosure(decode_entry(blinded), reread(disclosure))
    assert shown == Shown(at_least_cpct=wanted.at_least_cpct, at_most_cpct=wanted.at_most_cpct)
    return True


def reread(disclosure: Disclosure) -> Disclosure:
    return Disclosure.from_value(decode(encode(disclosure.to_map())), EntryType.SOH)  # type: ignore[arg-type]


@pytest.mark.parametrize("soh_cpct", [0, 1, 49, 50, 51, 9_100, 9_120, 10_000, 12_749, 12_750, 12_751, 20_000])
def test_every_bound_that_holds_can_be_proven_and_none_that_does_not(soh_cpct: int) -> None:
    for bound in range(50, 12_751, 50):
        assert proves(soh_cpct, at_least_cpct=bound) == (bound <= soh_cpct), bound
    for bound in range(0, 12_750, 50):
        assert proves(soh_cpct, at_most_cpct=bound) == (bound >= soh_cpct), bound


@settings(deadline=None)
@given(st.integers(0, 15_000), st.integers(0, 255), st.integers(0, 255))
def test_a_band_holds_or_cannot_be_made(soh_cpct: int, low: int, high: int) -> None:
    holds = 0 < low * 50 <= soh_cpct <= high * 50 < 12_750
    assert proves(soh_cpct, at_least_cpct=low * 50, at_most_cpct=high * 50) == holds


@pytest.mark.parametrize("bounds", [{"at_least_cpct": 9_101}, {"at_least_cpct": -50}, {"at_most_cpct": 12_800}])
def test_what_is_no_bound(bounds: dict[str, int]) -> None:
    assert not proves(9_120, **bounds)


def test_a_link_moves_only_forward() -> None:
    """Who was shown 9000 cannot show 9050: the link before is not among what he has, and any other leads elsewhere."""
    blinded, disclosure = disclose(statement(9_120), SEED_9, Wanted(at_least_cpct=9_000))
    assert disclosure.floor is not None
    steps, link = disclosure.floor
    for forged in (steps + 1, steps + 2, 255):
        changed = Disclosure(disclosure.shown, disclosure.hashes, floor=(forged, link))
        with pytest.raises(EvidenceError, match="bad-threshold"):
            verify_disclosure(decode_entry(blinded), changed)


# ---- what cannot be asked for


@pytest.mark.parametrize(
    ("content", "wanted", "reason"),
    [
        (window(2), Wanted(fields=[8]), "bad-disclosure"),
        (window(2), Wanted(fields=[14]), "bad-disclosure"),
        (window(2), Wanted(cells=[6]), "bad-disclosure"),
        (window(2), Wanted(cells=[-1]), "bad-disclosure"),
        (window(2), Wanted(at_least_cpct=50), "bad-threshold"),
        (encode([2, 2, 1, 5, {1: 1, 2: 1}]), Wanted(cells=[0]), "bad-disclosure"),
        (encode([2, 2, 1, 5, {1: 1, 2: 1, 6: b""}]), Wanted(cells=[0]), "bad-disclosure"),
        (statement(9_120), Wanted(cells=[0]), "bad-disclosure"),
        (ESTIMATE_LOG.entries[LACKING], Wanted(fields=[4]), "bad-disclosure"),
        (ESTIMATE_LOG.entries[KNOWN], Wanted(fields=[14]), "bad-disclosure"),
        (ESTIMATE_LOG.entries[KNOWN], Wanted(cells=[0]), "bad-disclosure"),
        (ESTIMATE_LOG.entries[KNOWN], Wanted(at_least_cpct=50), "bad-threshold"),
        (encode([2, 2, 1, 5, bytes(32)]), Wanted(), "malformed"),
        (encode([8, 2, 1, 5, {1: 1}]), Wanted(), "malformed"),
    ],
)
def test_what_a_record_does_not_have_cannot_be_shown(content: bytes, wanted: Wanted, reason: str) -> None:
    with pytest.raises(EvidenceError) as refusal:
        disclose(content, bytes(16), wanted)
    assert refusal.value.reason == reason


def test_equal_values_have_unequal_hashes() -> None:
    """Two windows with the same values show nothing in common; nor do two absent values."""
    records = [OpenRecord.of(encode([2, seq, 1, 5, {1: 1, 2: 1}]), LOG.record_seed(seq)) for seq in (2, 3)]
    leaves = [leaf for record in records for leaf in record.leaves()]
    assert len(set(leaves)) == 32
