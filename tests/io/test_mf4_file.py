"""MF4 logs of others, and of asammdf's own making."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from packseal.errors import FramesError, LogTooLargeError
from packseal.frames import Clock, Verdict, read_log
from packseal.io.mf4_blocks import check_blocks
from packseal.io.mf4_file import is_mf4, read_mf4

LOGS = {  # frames, identifiers, seconds
    "2F6913DB/00000004/00000001.MF4": (5588, 12, 63.5),
    "94C49784/00000005/00000002.MF4": (9600, 50, 60.0),
}


@pytest.mark.parametrize("name", LOGS)
def test_recorded_log(shared: Path, name: str) -> None:
    pytest.importorskip("asammdf", reason="asammdf is not installed (extra mf4)")
    content = (shared / "data/can/CSS-Electronics__api-examples" / name).read_bytes()
    assert is_mf4(content)
    frames, report = read_mf4(content)
    count, identifiers, seconds = LOGS[name]
    assert report.counts == {Verdict.FRAME: count}
    assert (report.dialect, report.unit, report.clock) == ("MF4", "object", Clock.EPOCH)
    assert len(np.unique(frames.can_id)) == identifiers
    assert (np.diff(frames.time_ns) >= 0).all()
    assert round((frames.time_ns[-1] - frames.time_ns[0]) / 1e9, 1) == seconds
    unused = frames.data * (frames.length[:, None] <= np.arange(frames.data.shape[1]))
    assert not unused.any()


@pytest.mark.parametrize("name", LOGS)
def test_a_damaged_log_ends_in_our_error_or_an_account(shared: Path, name: str) -> None:
    pytest.importorskip("asammdf", reason="asammdf is not installed (extra mf4)")
    content = (shared / "data/can/CSS-Electronics__api-examples" / name).read_bytes()
    for size in (8, 64, 100, 200, 1000, len(content) // 2, len(content) - 1):
        try:
            frames, report = read_mf4(content[:size])
        except FramesError:
            continue
        assert report.frames == len(frames)


def test_without_asammdf_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> None:
        raise ImportError

    monkeypatch.setattr("packseal.io.mf4_file.import_module", missing)
    with pytest.raises(FramesError, match=r"packseal\[mf4\]"):
        read_mf4(b"MDF     4.11")


def test_other_logs_are_no_mf4() -> None:
    content = b"(1.0) can0 123#11\n"
    assert not is_mf4(content)
    assert len(read_log(content)[0]) == 1


@pytest.mark.parametrize("compression", [0, 1, 2])
@pytest.mark.parametrize("name", LOGS)
def test_written_again_by_asammdf(shared: Path, name: str, compression: int, tmp_path: Path) -> None:
    asammdf = pytest.importorskip("asammdf", reason="asammdf is not installed (extra mf4)")
    content = (shared / "data/can/CSS-Electronics__api-examples" / name).read_bytes()
    with asammdf.MDF(io.BytesIO(content)) as mdf:
        written = mdf.save(tmp_path / "again.mf4", compression=compression)
    before, after = read_mf4(content)[0], read_mf4(Path(written).read_bytes())[0]
    assert before.can_id.tolist() == after.can_id.tolist()
    assert (before.data == after.data).all()


def mf4(*blocks: tuple[bytes, tuple[int, ...], bytes]) -> bytes:
    """Kind, links as numbers of blocks from 0, the header block, and -1 for none, data."""
    sizes = [24 + 8 * len(links) + len(data) for _, links, data in blocks]
    starts = [64 + sum(sizes[:index]) for index in range(len(sizes))]
    text = b"MDF     4.11    packseal".ljust(28, b"\0") + struct.pack("<H", 411)
    for size, (kind, links, data) in zip(sizes, blocks, strict=True):
        found = [starts[link] if link >= 0 else 0 for link in links]
        text = text.ljust(64, b"\0") + struct.pack(f"<4s4xQQ{len(links)}Q", kind, size, len(links), *found) + data
    return text


HEADER = (b"##HD", (1, -1, -1, -1, -1, -1), bytes(32))


def zipped(stated: int, content: bytes) -> tuple[bytes, tuple[int, ...], bytes]:
    packed = zlib.compress(content)
    return b"##DZ", (), struct.pack("<2sB5xQQ", b"DT", 0, stated, len(packed)) + packed


@pytest.mark.parametrize(
    "blocks",
    [
        [(b"##DG", (1, -1, -1, -1), bytes(8))],
        [(b"##DG", (2, -1, -1, -1), bytes(8)), (b"##DG", (1, -1, -1, -1), bytes(8))],
        [(b"##DG", (-1, 2, -1, -1), bytes(8)), (b"##CG", (2, -1, -1, -1, -1, -1), bytes(32))],
        [(b"##DG", (-1, -1, 2, -1), bytes(8)), (b"##DL", (2, 3), bytes(16)), (b"##DT", (), bytes(8))],
        [(b"##DG", (-1, -1, 2, -1), bytes(8)), (b"##DL", (-1, 3, 3), bytes(16)), (b"##DT", (), bytes(8))],
    ],
    ids=["a group follows itself", "two groups in a circle", "channel groups", "a list of data", "data twice"],
)
def test_lists_without_an_end(blocks: list[tuple[bytes, tuple[int, ...], bytes]]) -> None:
    pytest.importorskip("asammdf", reason="asammdf is not installed (extra mf4)")
    with pytest.raises(FramesError, match="two blocks refer to the one at byte"):
        read_mf4(mf4(HEADER, *blocks))


def test_blocks_one_upon_the_other() -> None:
    inner = struct.pack("<4s4xQQ", b"##DT", 200, 0)
    content = mf4(
        HEADER,
        (b"##DG", (-1, -1, 2, -1), bytes(8)),
        (b"##DL", (-1, 3, 4), bytes(16)),
        (b"##DT", (), inner + bytes(300)),
        (b"##DT", (), bytes(8)),
    )
    at = content.index(b"##DT")
    check_blocks(content, 1 << 20)
    with pytest.raises(FramesError, match="one upon the other"):
        check_blocks(content.replace(struct.pack("<Q", content.rindex(b"##DT")), struct.pack("<Q", at + 24)), 1 << 20)


def test_bombs() -> None:
    group = (b"##DG", (-1, -1, 2, -1), bytes(8))
    check_blocks(mf4(HEADER, group, zipped(100_000, bytes(100_000))), 100_000)
    with pytest.raises(LogTooLargeError, match="unpacks to more than 99999 bytes"):
        check_blocks(mf4(HEADER, group, zipped(100_000, bytes(100_000))), 99_999)
    with pytest.raises(LogTooLargeError, match="unpacks to more than"):
        check_blocks(mf4(HEADER, group, zipped(1 << 40, bytes(100_000))), 1 << 30)
    with pytest.raises(FramesError, match="more than it states"):
        check_blocks(mf4(HEADER, group, zipped(10, bytes(100_000))), 1 << 30)


def test_what_is_no_block_is_left_to_asammdf() -> None:
    pytest.importorskip("asammdf", reason="asammdf is not installed (extra mf4)")
    with pytest.raises(FramesError, match="cannot be read"):
        read_mf4(mf4((b"##HD", (1, -1, -1, -1, -1, -1), bytes(32)), (b"no", (), b""))[:-8])
