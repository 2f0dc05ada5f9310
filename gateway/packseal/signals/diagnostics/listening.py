"""Frames -> the answers among them, as pages for the decoder; and the account of all diagnostic frames.

Decides which answer holds which definition's data: by the identifier that it repeats, whoever asked. It goes on from
batch to batch, so an answer may begin in one and end in the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from packseal.frames import Frames
from packseal.frames.frames import FD_BYTES
from packseal.frames.isotp import Message, Reassembler, TransportCounts, keys_of
from packseal.signals.decoded import DecodeReport
from packseal.signals.diagnostics.definitions import PAGE_STRIDE, Definition, page_id
from packseal.signals.diagnostics.services import IDENTIFIER_BYTES, negative

MAX_KINDS = 1000  # of refused and unknown answers that are counted apart; a noisy bus makes no endless list
_OTHERS = "others"


class Answer(NamedTuple):
    """Data of one definition, without service and identifier. number: of the definition."""

    number: int
    data: bytes


@dataclass
class DiagnosticAccount:
    """What became of the frames to and from the ECUs that the definitions name.

    frames    by what they were: "decoded" in answers with signals, "too_short" in answers that hold none of theirs,
              "without_signals" all the rest: requests, flow control, refusals, answers nobody defined, what was lost
    answers   by definition
    negative  refusals, by request and reason
    unknown   answers that nobody defined, by their first bytes
    """

    transport: TransportCounts
    frames: Counter[str] = field(default_factory=Counter)
    pages: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    negative: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)

    def in_frames(self, report: DecodeReport) -> DecodeReport:
        """The report of decoding, with the frames that were on the bus in the place of the pages made of them."""
        return replace(
            report,
            frames=report.frames - self.pages.total() + self.frames.total(),
            decoded=report.decoded - self.pages["decoded"] + self.frames["decoded"],
            too_short=report.too_short - self.pages["too_short"] + self.frames["too_short"],
            without_signals=report.without_signals + self.frames["without_signals"],
        )


class DiagnosticListener:
    def __init__(self, definitions: Sequence[Definition]) -> None:
        self._definitions = tuple(definitions)
        self._reassembler = Reassembler([one.response for one in definitions])
        self._keys = np.array(sorted({a.key for one in definitions for a in (one.request, one.response)}), np.uint32)
        self._by_answer: dict[tuple[object, bytes], list[int]] = {}
        for number, one in enumerate(definitions):
            self._by_answer.setdefault((one.response, one.answer), []).append(number)
        self.account = DiagnosticAccount(self._reassembler.counts)

    def take(self, frames: Frames) -> tuple[Frames, Frames]:
        """(the frames of nobody's requests and answers, the pages of the answers that are now whole).

        A page has the time of its answer's last frame. Where a DBC describes the same identifiers, the definitions
        have them.
        """
        if not len(self._keys):
            return frames, Frames.empty()
        is_ours = np.isin(keys_of(frames), self._keys)
        if not is_ours.any():
            return frames, Frames.empty()
        taken = frames.select(is_ours)
        before = self.account.frames.total()
        pages = [page for message in self._reassembler.take(taken) for page in self._pages(message)]
        known = self.account.frames.total() - before
        self.account.frames["without_signals"] += len(taken) - known
        return frames.select(~is_ours), _as_frames(pages)

    def answers(self, message: Message) -> list[Answer]:
        """Whose data a message holds, one after the other; empty for a refusal or what nobody defined."""
        payload, found = message.payload, list[Answer]()
        if not payload:
            return found
        place, service = 1, payload[:1]
        width = IDENTIFIER_BYTES.get(payload[0] - 0x40, 0)
        while width and place + width <= len(payload):
            numbers = self._by_answer.get((message.address, service + payload[place : place + width]))
            if numbers is None:
                break
            start = place + width
            stated = self._definitions[numbers[0]].data_bytes
            place = len(payload) if stated is None else start + stated
            found += [Answer(number, payload[start:place]) for number in numbers]
        return found

    def _pages(self, message: Message) -> Iterator[_Page]:
        answers = self.answers(message)
        if not answers:
            self._count_other(message)
            return
        is_decoded = False
        for answer in answers:
            definition = self._definitions[answer.number]
            self.account.answers[definition.name] += 1
            for page, signals in definition.paged.items():
                data = answer.data[PAGE_STRIDE * page : PAGE_STRIDE * page + FD_BYTES]
                is_held = len(data) >= min(signal.bytes_needed for signal in signals)
                self.account.pages["decoded" if is_held else "too_short"] += 1
                is_decoded |= is_held
                yield _Page(page_id(answer.number, page), message.end_ns, message.channel, data)
        self.account.frames["decoded" if is_decoded else "too_short"] += message.frames

    def _count_other(self, message: Message) -> None:
        refused = negative(message.payload)
        if refused:
            _add(self.account.negative, f"{message.address} {refused.service:02X}: {refused.name}")
        else:
            width = IDENTIFIER_BYTES.get(message.payload[0] - 0x40, 0)
            _add(self.account.unknown, f"{message.address} {message.payload[: 1 + width].hex().upper()}")


class _Page(NamedTuple):
    can_id: int
    time_ns: int
    channel: int
    data: bytes


def _add(counts: Counter[str], kind: str) -> None:
    counts[kind if kind in counts or len(counts) < MAX_KINDS else _OTHERS] += 1


def _as_frames(pages: Sequence[_Page]) -> Frames:
    if not pages:
        return Frames.empty()
    data = b"".join(page.data.ljust(FD_BYTES, b"\0") for page in pages)
    return Frames(
        can_id=np.array([page.can_id for page in pages], np.uint32),
        is_extended=np.ones(len(pages), np.bool_),
        time_ns=np.array([page.time_ns for page in pages], np.int64),
        channel=np.array([page.channel for page in pages], np.uint8),
        length=np.array([len(page.data) for page in pages], np.uint8),
        data=np.frombuffer(data, np.uint8).reshape(len(pages), FD_BYTES).copy(),
    )
