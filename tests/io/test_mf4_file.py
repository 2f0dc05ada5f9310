"""MF4 logs of others, and of asammdf's own making."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from packseal.errors import FramesError
from packseal.frames import Clock, Verdict, read_log
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
