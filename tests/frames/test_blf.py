"""Vector's binary logs: every object accounted for, whatever the file is made of."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.errors import FramesError, LogTooLargeError
from packseal.frames import Clock, Verdict, blf, read_log

from .accounts import check_account, rows
from .log_writers import BLF_HEADER, Sent, blf_container, blf_object, blf_raw

SENT = [
    Sent(0x100 + index, index % 2 == 0, 1000 * index, index % 3, bytes([index] * (index % 9))) for index in range(50)
]
OBJECTS = [blf_object(frame, (1, 86)[index % 2], 1 + index % 2) for index, frame in enumerate(SENT)]
ROWS = [frame.row for frame in SENT]
STATISTIC = blf_raw(bytes(32), 4)


def log(*containers: bytes) -> bytes:
    return BLF_HEADER + b"".join(containers)


@pytest.mark.parametrize("size", [16, 17, 50, 1000, 10**6])
def test_objects_go_on_in_the_next_container(size: int) -> None:
    whole = b"".join(OBJECTS)
    frames, report = read_log(log(*(blf_container(whole[at : at + size]) for at in range(0, len(whole), size))))
    assert rows(frames) == ROWS
    assert (report.unit, report.lines, report.clock) == ("object", 50, Clock.OWN)
    assert report.channels == ("1", "2", "3")


def test_objects_outside_containers_and_between_them() -> None:
    content = log(
        *OBJECTS[:20], blf_container(b"".join(OBJECTS[20:30])), *OBJECTS[30:40], blf_container(b"".join(OBJECTS[40:]))
    )
    frames, report = read_log(content)
    check_account(content, frames, report)
    assert rows(frames) == ROWS


def test_other_objects_are_counted() -> None:
    error = blf_raw(bytes(40), 73)
    frames, report = read_log(log(blf_container(STATISTIC + OBJECTS[0] + error + STATISTIC)))
    assert rows(frames) == ROWS[:1]
    assert report.counts == {Verdict.EVENT: 2, Verdict.FRAME: 1, Verdict.ERROR_FRAME: 1}
    assert report.first_refused == ((3, Verdict.ERROR_FRAME),)


def test_start_in_the_header() -> None:
    date = struct.pack("<8H", 2017, 9, 6, 30, 15, 6, 13, 191)
    frames, report = read_log(BLF_HEADER[:40] + date + BLF_HEADER[56:] + blf_container(OBJECTS[1]))
    assert report.clock is Clock.LOCAL
    assert rows(frames)[0][2] == 1506783973_191000000 + 10**6


def test_time_in_units_of_ten_microseconds() -> None:
    payload = struct.pack("<HBBI8s", 1, 0, 1, 0x123, b"\x01")
    content = struct.pack("<4sHHIIIHHQ", b"LOBJ", 32, 1, 48, 1, 1, 0, 0, 5) + payload
    assert rows(read_log(log(blf_container(content)))[0]) == [(0x123, False, 50_000, "01")]


MESSAGE = "<HBBI8s"
REFUSED = [
    (blf_raw(struct.pack(MESSAGE, 1, 0x80, 8, 0x123, bytes(8)), 1), Verdict.REMOTE_FRAME),
    (blf_raw(struct.pack(MESSAGE, 1, 0, 16, 0x123, bytes(8)), 1), Verdict.BAD_LENGTH),
    (blf_raw(struct.pack(MESSAGE, 1, 0, 8, 0x800, bytes(8)), 1), Verdict.BAD_ID),
    (blf_raw(struct.pack(MESSAGE, 1, 0, 8, 0x2000_0000 | 1 << 31, bytes(8)), 1), Verdict.BAD_ID),
    (blf_raw(struct.pack(MESSAGE, 1, 0, 8, 0x123, bytes(8)), 1, time_ns=2**63), Verdict.BAD_TIME),
    (blf_raw(struct.pack(MESSAGE, 1, 0, 8, 0x123, bytes(8))[:10], 1), Verdict.BAD_LAYOUT),
    (blf_raw(struct.pack(MESSAGE, 1, 0, 8, 0x123, bytes(8)), 1, header_version=7), Verdict.BAD_LAYOUT),
    (blf_raw(b"", 1), Verdict.BAD_LAYOUT),
    (blf_raw(bytes(8), 100), Verdict.BAD_LAYOUT),
    (blf_raw(bytes(8), 101), Verdict.BAD_LAYOUT),
    (blf_raw(struct.pack("<HBBIIBBB5x", 1, 0, 15, 0x123, 0, 0, 1, 64) + bytes(60), 100), Verdict.LENGTH_MISMATCH),
    (blf_raw(struct.pack("<HBBIIBBB5x64s", 1, 0, 15, 0x123, 0, 0, 1, 63, b""), 100), Verdict.BAD_LENGTH),
    (blf_raw(struct.pack("<BBBBIIIIIIIHBBI", 1, 8, 8, 0, 0x123, 0, 0x10, *[0] * 8), 101), Verdict.REMOTE_FRAME),
    (blf_raw(struct.pack("<BBBBIIIIIIIHBBI", 1, 8, 9, 0, 0x123, 0, 0x1000, *[0] * 8), 101), Verdict.BAD_LENGTH),
    (blf_container(OBJECTS[0]), Verdict.DAMAGED),
]


@pytest.mark.parametrize(("damaged", "verdict"), REFUSED)
def test_refused_object(damaged: bytes, verdict: Verdict) -> None:
    frames, report = read_log(log(blf_container(OBJECTS[0] + damaged + OBJECTS[1])))
    assert report.refused == {verdict: 1}
    assert report.first_refused == ((2, verdict),)
    assert rows(frames) == ROWS[:2]


def test_a_channel_of_any_number() -> None:
    content = log(blf_container(blf_raw(struct.pack(MESSAGE, 0x1111, 0, 1, 0x123, bytes(8)), 1)))
    assert read_log(content)[1].channels == ("4369",)


def test_bytes_that_an_fd_object_does_not_have_are_zeros() -> None:
    content = blf_raw(struct.pack("<BBBBIIIIIIIHBBI", 1, 9, 12, 0, 0x123, 0, 0x1000, *[0] * 8) + b"\x01\x02", 101)
    assert rows(read_log(log(blf_container(content)))[0]) == [(0x123, False, 0, "0102" + "00" * 10)]


def test_a_signature_within_data_begins_no_object() -> None:
    tricky = [Sent(1, False, index, 0, b"LOBJ" + bytes([index % 256] * 4)) for index in range(1000)]
    frames, report = read_log(log(blf_container(b"".join(map(blf_object, tricky)))))
    assert rows(frames) == [frame.row for frame in tricky]
    assert report.lines == 1000


def test_a_damaged_container_is_left_out_and_counted() -> None:
    pieces = [b"".join(OBJECTS[:20])[:-10], b"".join(OBJECTS[:30])[-200:-10], b"".join(OBJECTS[30:])]
    containers = [bytearray(blf_container(piece)) for piece in pieces]
    containers[1][60] ^= 0xFF
    frames, report = read_log(log(*map(bytes, containers)))
    assert report.refused == {Verdict.CUT_SHORT: 1, Verdict.DAMAGED: 1}
    assert rows(frames) == ROWS[:19] + ROWS[30:]


def test_unknown_compression_is_damage() -> None:
    container = bytearray(blf_container(OBJECTS[0]))
    container[16] = 9
    _, report = read_log(log(bytes(container), blf_container(OBJECTS[1])))
    assert report.counts == {Verdict.FRAME: 1, Verdict.DAMAGED: 1}


@pytest.mark.parametrize("size", [0, 1, 15, 1 << 27, 0xFFFF_FFFF])
def test_impossible_object_size(size: int) -> None:
    broken = OBJECTS[0][:8] + struct.pack("<I", size) + OBJECTS[0][12:]
    for content in (log(blf_container(broken * 3)), log(broken)):
        with pytest.raises(FramesError, match="size"):
            read_log(content)


def test_no_object_where_one_must_be() -> None:
    with pytest.raises(FramesError, match="no object begins"):
        read_log(log(blf_container(OBJECTS[0] + bytes(50) + OBJECTS[1])))
    with pytest.raises(FramesError, match="no object"):
        read_log(log(OBJECTS[0], b"garbage of some length that is no object", OBJECTS[1]))


def test_an_odd_file_header() -> None:
    for content in (b"LOGG", BLF_HEADER[:50], BLF_HEADER[:4] + b"\xff" * 140, BLF_HEADER[:4] + bytes(140)):
        with pytest.raises(FramesError, match="header"):
            read_log(content)
    assert len(read_log(BLF_HEADER)[0]) == 0


def test_a_bomb_is_refused() -> None:
    bomb = blf_container(blf_raw(bytes(10_000_000), 4))
    with pytest.raises(LogTooLargeError, match="unpacks"):
        blf.read(log(bomb, bomb), 15_000_000)


def test_an_object_that_never_ends_is_not_searched_again_and_again() -> None:
    endless = OBJECTS[0][:8] + struct.pack("<I", 1 << 26) + OBJECTS[0][12:]
    content = log(blf_container(endless), *[blf_container(b"LOBJ" * 1000)] * 2000)
    assert read_log(content)[1].counts == {Verdict.CUT_SHORT: 1}


WHOLE = log(
    *(
        blf_container(b"".join(OBJECTS[at : at + 10])[:-7] if at == 20 else b"".join(OBJECTS[at : at + 10]))
        for at in (0, 10)
    )
)


@pytest.mark.parametrize("size", range(144, len(WHOLE)))
def test_every_cut(size: int) -> None:
    frames, report = read_log(WHOLE[:size])
    check_account(WHOLE[:size], frames, report)
    assert rows(frames) == ROWS[: len(frames)]
    assert size == 144 or report.refused or size >= len(WHOLE) - 3 or WHOLE[size:].startswith((b"LOBJ", b"\0"))


@given(st.data())
@settings(deadline=None, max_examples=80)
def test_flipped_bytes(data: st.DataObject) -> None:
    content = bytearray(WHOLE if data.draw(st.booleans()) else log(*OBJECTS))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        frames, report = read_log(bytes(content))
    except FramesError:
        return
    check_account(bytes(content), frames, report)


@given(
    st.lists(st.sampled_from([*OBJECTS[:3], STATISTIC, b"LOBJ", b"\0", *(each for each, _ in REFUSED)]), max_size=20)
)
@settings(deadline=None, max_examples=40)
def test_any_objects_in_any_order(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    for whole in (log(blf_container(content)), log(content), log(*map(blf_container, pieces))):
        try:
            frames, report = read_log(whole)
        except FramesError:
            continue
        check_account(whole, frames, report)


def test_objects_and_containers_in_turn() -> None:
    """Thousands of short runs outside containers, and one that is long."""
    pair = OBJECTS[0] + blf_container(OBJECTS[1])
    frames, report = read_log(log(*[pair] * 3000, *OBJECTS * 10))
    check_account(log(), frames, report)
    assert rows(frames) == ROWS[:2] * 3000 + ROWS * 10


def test_a_large_object_behind_a_long_run_hides_no_container() -> None:
    attachment = blf_raw(bytes(2 * blf._CHUNK_BYTES), 65)
    frames, report = read_log(log(*OBJECTS * 10, attachment, blf_container(OBJECTS[0])))
    assert rows(frames) == [*ROWS * 10, ROWS[0]]
    assert report.counts == {Verdict.FRAME: 501, Verdict.EVENT: 1}


def test_a_container_larger_than_what_is_read_at_once() -> None:
    whole = OBJECTS * 400
    assert len(b"".join(whole)) > 2 * blf._CHUNK_BYTES
    assert rows(read_log(log(blf_container(b"".join(whole))))[0]) == ROWS * 400


def test_a_log_that_is_damaged_throughout_ends_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blf, "_MAX_LOST", 5)
    damaged = blf_container(OBJECTS[0])
    damaged = damaged[:-12] + bytes(12)
    assert read_log(log(*[damaged] * 5))[1].refused == {Verdict.DAMAGED: 5}
    with pytest.raises(FramesError, match="damaged in more than 5 places; copy it again"):
        read_log(log(*[damaged] * 6))
