"""The core of class C, told what time it is: windows, silence, restarts, a disk that does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from packseal.apps.can_recorder import KEEP_EVERY_MS, MAX_WAITING, TIME_EVERY_MS
from packseal.errors import UnavailableError
from packseal.frames import Frames
from packseal.records.attestation import attestation_digest
from packseal.records.bodies import Boot, Config, EntryType, Event, Gap, Key, MeanMinMax, Origin, Time, Window
from packseal.records.checkpoint import Receipt, verify_checkpoint
from packseal.records.cose import VerifyingKey
from packseal.records.entries import Entry, decode_entry
from tests.apps.can_site import (
    NONE,
    OTHER_ID,
    PROGRAM_HASH,
    SETTINGS_DIGEST,
    SIGNER,
    WINDOW_MS,
    CanSite,
    CutError,
    bodies,
    frames,
    payload,
    signals_in,
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CanSite]:
    made = CanSite(tmp_path, signals_in(tmp_path))
    yield made
    made.store.close()


def one_window(site: CanSite, number: int, voltage: int = 500) -> None:
    """Feeds window `number` (from 0) of this life with two frames, and lets it end."""
    start_ms = number * WINDOW_MS
    site.recorder.take(frames((start_ms + 1, payload(voltage)), (start_ms + 2, payload(voltage + 2))), start_ms + 5)
    site.recorder.take(NONE, start_ms + WINDOW_MS)


def kinds(entries: list[Entry]) -> list[EntryType]:
    return [EntryType(entry.type) for entry in entries]


def test_a_start_is_signed_at_once_and_says_what_runs_here(site: CanSite) -> None:
    site.start(now_ms=123_456)
    log, (key, boot, config) = site.received()
    assert log.size == 3
    assert isinstance(key.body, Key)
    assert (key.body.origin, len(key.body.label)) == (Origin.GATEWAY, 16)
    assert boot.body == Boot(PROGRAM_HASH, 0, 1, 1, 16, 2, 65_000)
    digests = (site.signals.dbc_digest, site.signals.binding_digest, SETTINGS_DIGEST)
    assert config.body == Config(dbc_digest=digests[0], binding_digest=digests[1], settings_digest=digests[2])
    assert [entry.uptime_ms for entry in (key, boot, config)] == [0, 0, 0]


def test_a_window_holds_what_an_import_would_make_of_its_frames(site: CanSite) -> None:
    site.start()
    rows = [(1, payload(500, -50, 100, 65)), (9_000, payload(503, 30, 101, 66)), (9_999, payload(65_535, 0, 255, 67))]
    site.recorder.take(frames(*rows), WINDOW_MS)
    site.recorder.end()
    (entry,) = bodies(site.received()[1], EntryType.WINDOW)
    assert entry.uptime_ms == WINDOW_MS
    assert entry.body == Window(
        duration_ms=WINDOW_MS,
        samples=3,
        pack_voltage_mv=MeanMinMax(50_150, 50_000, 50_300),
        pack_current_ma=MeanMinMax(667, -3_000, 5_000),
        temperature_ddegc=(260,),
        soc_reported_cpct=5_050,
        values_unavailable=2,
    )


def test_a_frame_belongs_to_the_window_it_was_received_in(site: CanSite) -> None:
    """However late it is handed over, and however many windows end at once."""
    site.start()
    site.recorder.take(frames((9_999, payload(500)), (10_000, payload(600)), (25_000, payload(700))), 9_000)
    site.recorder.take(frames((29_999, payload(800)), (30_000, payload(900))), 30_000)
    site.recorder.end()
    windows = [entry.body for entry in bodies(site.received()[1], EntryType.WINDOW)]
    means = [body.pack_voltage_mv.mean for body in windows if isinstance(body, Window) and body.pack_voltage_mv]
    assert means == [50_000, 60_000, 75_000]


def test_a_checkpoint_comes_with_the_configured_number_of_windows(site: CanSite) -> None:
    site.start()
    for number in range(7):
        one_window(site, number)
    assert [delivery.first_seq for delivery in site.submitted] == [0, 3, 6]
    assert [len(delivery.entries) for delivery in site.submitted] == [3, 3, 3]


@pytest.mark.parametrize("other", [NONE, frames((10_001, bytes(8)), can_id=OTHER_ID)], ids=["nothing", "others"])
def test_silence_is_said_once_and_so_is_its_end(site: CanSite, other: Frames) -> None:
    site.start()
    one_window(site, 0)
    site.recorder.take(other, 2 * WINDOW_MS)
    assert site.recorder.is_silent
    site.recorder.take(NONE, 5 * WINDOW_MS)
    one_window(site, 5)
    assert not site.recorder.is_silent
    entries = site.received()[1]
    assert kinds(entries)[3:] == [EntryType.WINDOW, EntryType.EVENT, EntryType.EVENT, EntryType.WINDOW]
    begins, ended = bodies(entries, EntryType.EVENT)
    assert (begins.body, begins.uptime_ms) == (Event(6, 1), 2 * WINDOW_MS)
    assert (ended.body, ended.uptime_ms) == (Event(6, 2), 6 * WINDOW_MS)
    assert [delivery.first_seq for delivery in site.submitted] == [0, 3, 5], "each is signed at once"


# ---- a nonce that somebody wants to find in a checkpoint

NONCE, OTHER = bytes(range(16)), bytes(16)


def nonces(site: CanSite) -> list[bytes | None]:
    """Of the checkpoints that were submitted, in order."""
    key = VerifyingKey(SIGNER.public_key)
    return [verify_checkpoint(one.checkpoint, one.log_id, key).nonce for one in site.submitted]


def test_a_nonce_is_signed_with_the_window_under_way_when_that_ends(site: CanSite) -> None:
    site.start()
    one_window(site, 0)
    assert site.recorder.ask_fresh(NONCE, WINDOW_MS + 4_000)
    assert site.recorder.ask_fresh(NONCE, WINDOW_MS + 5_000), "asked again"
    assert not site.recorder.ask_fresh(OTHER, WINDOW_MS + 5_000), "one in the time of a window"
    one_window(site, 1)
    assert nonces(site) == [None, NONCE]
    assert [len(delivery.entries) for delivery in site.submitted] == [3, 2]
    assert site.recorder.ask_fresh(OTHER, 2 * WINDOW_MS + 1)
    one_window(site, 2)
    one_window(site, 3)
    assert nonces(site) == [None, NONCE, OTHER]


def test_a_window_that_ended_before_the_nonce_came_is_no_answer(site: CanSite) -> None:
    """However late its frames are handed over."""
    site.start()
    assert site.recorder.ask_fresh(NONCE, WINDOW_MS + 1)
    one_window(site, 0)
    assert nonces(site) == [None]
    one_window(site, 1)
    assert nonces(site) == [None, NONCE]


def test_of_a_silent_bus_nothing_is_signed_for_a_nonce(site: CanSite) -> None:
    site.start()
    one_window(site, 0)
    assert site.recorder.ask_fresh(NONCE, WINDOW_MS + 1)
    site.recorder.take(NONE, 2 * WINDOW_MS)
    assert nonces(site) == [None, None], "that the source is silent is signed at once"
    one_window(site, 2)
    assert nonces(site) == [None, None, None]
    assert site.recorder.ask_fresh(OTHER, 3 * WINDOW_MS + 1)


def test_a_nonce_waits_until_the_disk_takes_its_checkpoint(site: CanSite) -> None:
    site.start()
    one_window(site, 0)
    site.recorder.ask_fresh(NONCE, WINDOW_MS + 1)
    site.table.is_full = True
    with pytest.raises(UnavailableError):
        one_window(site, 1)
    site.table.is_full = False
    one_window(site, 2)
    assert nonces(site) == [None, NONCE]


def cut_off(site: CanSite, now_ms: int) -> None:
    """While it signs: with the window that ends now, or with the end."""
    site.recorder.take(NONE, now_ms)
    site.recorder.end()


@pytest.mark.parametrize("cut", ["", "before", "after"])
@pytest.mark.parametrize("windows", range(5))
def test_whenever_it_is_killed_the_log_goes_on_without_a_fork(site: CanSite, cut: str, windows: int) -> None:
    site.start()
    for number in range(windows):
        one_window(site, number)
    if cut:
        start_ms = windows * WINDOW_MS
        site.recorder.take(frames((start_ms, payload(500))), start_ms + 5)
        site.cut = cut
        with pytest.raises(CutError):
            cut_off(site, start_ms + WINDOW_MS)
    site.store.close()
    site.cut = ""
    site.start(now_ms=5)
    site.recorder.take(frames((6, payload(500))), WINDOW_MS + 5)
    site.recorder.end()
    _, entries = site.received()
    assert [entry.seq for entry in entries] == list(range(len(entries)))
    assert len(bodies(entries, EntryType.WINDOW)) >= windows + 1, "no window that had ended is lost"
    assert [entry.boot for entry in bodies(entries, EntryType.BOOT)] == [1, 2]
    sizes = [delivery.first_seq + len(delivery.entries) for delivery in site.submitted]
    assert len(set(sizes)) == len(sizes), "no size is signed for twice"


def test_of_windows_that_are_short_a_kill_takes_those_of_a_second_at_most(site: CanSite) -> None:
    site.window_ms, site.checkpoint_every = KEEP_EVERY_MS // 10, 100
    site.start()
    for number in range(27):
        start_ms = number * site.window_ms
        site.recorder.take(frames((start_ms + 1, payload(500))), start_ms + site.window_ms)
    assert site.log.waiting == 27
    site.store.close()
    site.start()
    entries = site.received()[1]
    assert len(bodies(entries, EntryType.WINDOW)) == 20, "what was written down at the end of each second"
    assert [entry.seq for entry in entries] == list(range(len(entries)))


def test_uptime_goes_on_over_starts_and_not_over_the_time_between(site: CanSite) -> None:
    site.start(now_ms=1_000)
    site.recorder.take(frames((2_000, payload(500))), 1_000 + WINDOW_MS)
    site.store.close()
    site.start(now_ms=77)
    site.recorder.take(frames((80, payload(500))), 77 + WINDOW_MS)
    site.recorder.end()
    windows = bodies(site.received()[1], EntryType.WINDOW)
    assert [(entry.boot, entry.uptime_ms) for entry in windows] == [(1, WINDOW_MS), (2, 2 * WINDOW_MS)]


def test_a_full_disk_costs_nothing_until_memory_ends_and_then_a_gap(site: CanSite) -> None:
    site.checkpoint_every = 1
    site.start()
    site.table.is_full = True
    for number in range(MAX_WAITING + 3):
        with pytest.raises(UnavailableError, match="disk is full"):
            one_window(site, number)
    assert site.log.waiting == MAX_WAITING
    site.table.is_full = False
    one_window(site, MAX_WAITING + 3)  # what waited is stored; this one still found no room
    one_window(site, MAX_WAITING + 4)
    entries = site.received()[1]
    assert len(bodies(entries, EntryType.WINDOW)) == MAX_WAITING + 1
    (gap,) = bodies(entries, EntryType.GAP)
    assert gap.body == Gap(1, 4, (MAX_WAITING * WINDOW_MS, (MAX_WAITING + 4) * WINDOW_MS))


def test_a_receipt_is_written_down_now_and_then(site: CanSite) -> None:
    site.start()
    log = site.received()[0]
    receipt = Receipt(log.log_id, log.size, log.edge.root(), 0, 1_790_000_000_001, bytes(16))
    site.recorder.receipted(Receipt(bytes(16), 1, bytes(32), 0, 1, bytes(16)), b"another log's")
    one_window(site, 0)
    for number in range(1, TIME_EVERY_MS // WINDOW_MS + 3):
        site.recorder.receipted(receipt, b"receipt %d" % number)
        one_window(site, number)
    site.recorder.end()
    times = bodies(site.received()[1], EntryType.TIME)
    assert [entry.uptime_ms for entry in times] == [2 * WINDOW_MS, 2 * WINDOW_MS + TIME_EVERY_MS]
    assert times[0].body == Time(attestation_digest(b"receipt 1"), 1_790_000_000_001)


def test_the_secret_and_the_label_are_new_for_each_log_and_kept_for_ever(site: CanSite, tmp_path: Path) -> None:
    site.start()
    first = site.submitted[0]
    site.store.close()
    site.start()
    assert (site.submitted[1].genesis, site.submitted[1].seed) == (first.genesis, first.seed)
    other = tmp_path / "other"
    other.mkdir()
    another = CanSite(other, site.signals)
    another.start()
    assert another.submitted[0].seed != first.seed
    assert decode_entry(another.submitted[0].genesis).body != decode_entry(first.genesis).body
    another.store.close()
