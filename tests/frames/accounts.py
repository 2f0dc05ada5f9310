"""What every test of a reader checks: rows that compare, and an account that adds up."""

from __future__ import annotations

from packseal.frames import Frames, LossReport, Verdict


def rows(frames: Frames) -> list[tuple[int, bool, int, str]]:
    """(identifier, is it extended, ns, data in hexadecimal) per frame."""
    columns = (frames.can_id, frames.is_extended, frames.time_ns, frames.length, frames.data)
    return [
        (int(can_id), bool(is_extended), int(time_ns), bytes(data[:length]).hex())
        for can_id, is_extended, time_ns, length, data in zip(*columns, strict=True)
    ]


def check_account(content: bytes, frames: Frames, report: LossReport, newline: bytes = b"\n") -> None:
    """Every line, and in a binary log every object, has one verdict."""
    if report.unit == "line":
        assert report.lines == content.count(newline) + (not content.endswith(newline))
    assert report.lines == sum(report.counts.values())
    assert report.unaccounted_lines == 0
    assert report.frames == len(frames) == report.counts.get(Verdict.FRAME, 0)
    assert len(report.first_refused) == min(20, sum(report.refused.values()))
    assert all(1 <= number <= report.lines for number, _ in report.first_refused)
    assert (frames.channel < max(len(report.channels), 1)).all()
    unused = frames.data * (frames.length[:, None] <= range(frames.data.shape[1]))
    assert not unused.any()
