"""The second opinion from windows alone: what it does not know it says, and what a setting or a BMS gives away.

Packs with faults of every kind are in test_faults.py; the share of them that is flagged over a fleet is in
benchmarks/health/alarms.py.
"""

from __future__ import annotations

import pytest

from packseal.estimate import AlarmKind, SecondOpinion
from packseal.estimate.cells import NMC
from packseal.records.bodies import Boot, EntryType, MeanMinMax, Window
from packseal.records.entries import Entry

RATED_MAH, MINUTE_MS = 50_000, 60_000


def window(seq: int, current_ma: int, cell_mv: int, soh_cpct: int = 9_500) -> Entry:
    cells = (cell_mv, cell_mv - 2, cell_mv + 3)
    pack_mv = sum(cells)
    body = Window(
        MINUTE_MS,
        60,
        pack_current_ma=MeanMinMax(current_ma, current_ma - 50, current_ma + 50),
        pack_voltage_mv=MeanMinMax(pack_mv, pack_mv - 3, pack_mv + 3),
        cell_mv=cells,
        temperature_ddegc=(250,),
        soc_reported_cpct=5_000,
        soh_reported_cpct=soh_cpct,
    )
    return Entry(EntryType.WINDOW, seq, 1, seq * MINUTE_MS, body)


def boot(seq: int, rated_mah: int = RATED_MAH) -> Entry:
    return Entry(EntryType.BOOT, seq, 1, seq * MINUTE_MS, Boot(bytes(32), 1, 3, 1, 3, 1, rated_mah))


def resting(windows: int, first_seq: int = 1) -> list[Entry]:
    return [window(first_seq + minute, 0, 3_700) for minute in range(windows)]


@pytest.mark.parametrize("chemistry", [NMC, None])
def test_a_pack_that_only_rests_is_not_yet_known_and_raises_nothing(chemistry: object) -> None:
    second = SecondOpinion(NMC if chemistry else None)
    for entry in [boot(0), *resting(3_000)]:
        second.add(entry)
    opinion = second.opinion()
    assert (opinion.remaining_capacity_mah, opinion.soh_capacity_cpct, opinion.charges) == (None, None, 0)
    assert opinion.missing
    assert second.alarms() == ()


def test_a_rated_capacity_that_is_edited_raises_an_alarm_with_its_record() -> None:
    second = SecondOpinion(NMC)
    for entry in [boot(0), *resting(120), boot(121), boot(122, 60_000), *resting(10, 123)]:
        second.add(entry)
    (alarm,) = second.alarms()
    assert alarm.kind == AlarmKind.SETTING_EDITED
    assert "from 50 to 60 Ah" in alarm.words
    assert [evidence.seq for evidence in alarm.evidence][-1] == 122


@pytest.mark.parametrize(
    ("before", "now", "kinds"),
    [
        (9_500, 9_600, set()),
        (9_500, 9_899, set()),
        (8_500, 8_900, {AlarmKind.CLAIM_APART}),
        (9_800, 10_000, {AlarmKind.BMS_RESET}),
        (8_800, 10_000, {AlarmKind.BMS_RESET, AlarmKind.CLAIM_APART}),
    ],
)
def test_a_claim_that_rises_is_apart_and_one_that_is_new_again_is_a_reset(
    before: int, now: int, kinds: set[AlarmKind]
) -> None:
    second = SecondOpinion(NMC)
    claims = [window(minute, 0, 3_700, before if minute <= 1_440 else now) for minute in range(1, 1_500)]
    for entry in [boot(0), *claims]:
        second.add(entry)
    assert {alarm.kind for alarm in second.alarms()} == kinds


def test_what_is_missing_is_that_of_the_newest_record_and_asking_changes_nothing() -> None:
    asked, silent = SecondOpinion(NMC), SecondOpinion(NMC)
    missing = []
    for entry in [boot(0), *resting(30)]:
        asked.add(entry)
        silent.add(entry)
        missing.append(asked.opinion().missing)
    assert missing[0] == ("no window with cell voltages",)
    assert missing[-1] == silent.opinion().missing != missing[0]
    assert asked.to_bytes() == silent.to_bytes()


def test_a_record_counts_once_and_a_state_that_was_kept_goes_on() -> None:
    entries = [boot(0), *resting(500), boot(501, 60_000)]
    whole, kept = SecondOpinion(NMC), SecondOpinion(NMC)
    for entry in entries:
        whole.add(entry)
        kept.add(entry)
        kept.add(entry)
        if entry.seq == 250:
            kept = SecondOpinion.from_bytes(kept.to_bytes(), NMC)
    assert kept.alarms() == whole.alarms()
    assert kept.opinion() == whole.opinion()


def test_what_is_no_state_is_refused() -> None:
    content = SecondOpinion(NMC).to_bytes()
    for bad in (b"", b"{}", content[:-1], content[:10]):
        with pytest.raises(ValueError, match=r"."):
            SecondOpinion.from_bytes(bad, NMC)
    with pytest.raises(ValueError, match="start over"):
        SecondOpinion.from_bytes(content)
