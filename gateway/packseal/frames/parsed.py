"""What a dialect makes of a block of lines: one row per line, the verdict saying which rows are frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from packseal.frames.frames import CLASSIC_BYTES
from packseal.frames.lines import I64, MAX_LINE_BYTES, MAX_NAME_BYTES, U8, Lines, Mask
from packseal.frames.report import Verdict


@dataclass(eq=False)
class ParsedLines:
    """n rows, filled by a dialect column by column; the first refusal of a line stands."""

    verdict: U8
    time_ns: I64
    can_id: I64
    is_extended: Mask
    length: I64
    data: U8
    name: npt.NDArray[np.bytes_]

    def refuse(self, rows: Mask, reason: Verdict) -> None:
        """Gives `reason` to those of `rows` that are still frames."""
        self.verdict[rows & self.is_frame] = reason

    @property
    def is_frame(self) -> Mask:
        result: Mask = self.verdict == Verdict.FRAME
        return result


def unread(lines: Lines) -> ParsedLines:
    """Rows of zeros, with the verdicts that need no dialect: too long, blank, a comment (`#` or `;` comes first)."""
    n = len(lines)
    zeros = np.zeros(n, np.int64)
    data = np.zeros((n, CLASSIC_BYTES), np.uint8)
    name = np.zeros(n, f"S{MAX_NAME_BYTES}")
    parsed = ParsedLines(np.zeros(n, np.uint8), zeros, zeros, np.zeros(n, np.bool_), zeros, data, name)
    parsed.refuse(lines.end - lines.start > MAX_LINE_BYTES, Verdict.LINE_TOO_LONG)
    parsed.refuse(lines.is_blank(), Verdict.BLANK)
    first = lines.at(lines.start)
    parsed.refuse((first == ord("#")) | (first == ord(";")), Verdict.COMMENT)
    return parsed
