"""What an ECU answers to one request: where each signal lies in the data, and the pages that carry it to the decoder.

Decides how answers of any length become frames. The decoder reads up to 64 bytes at a time, answers have hundreds; so
the data are cut into pages of 64 bytes that begin every 48, and every signal lies whole in the page that its first
byte falls into. A page has an identifier that no CAN frame can have, and the name of its definition: to everything
behind the decoder, an answer is a message like any other, "DEFINITION.SIGNAL".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from packseal.frames.frames import FD_BYTES
from packseal.frames.isotp import MAX_BYTES, Address
from packseal.signals.decoder import Decoder
from packseal.signals.diagnostics.services import answer_to
from packseal.signals.layout import MAX_BITS, MessageLayout, SignalLayout

PAGE_STRIDE = 48  # a signal of 64 bits touches 9 bytes: from any byte before the next page, it ends before byte 57
MAX_DEFINITIONS = 1 << 16
_PAGE_ID = 1 << 29  # the first identifier that has no 29 bits
_PAGES = 128  # more than 4,095 bytes have


@dataclass(frozen=True)
class Definition:
    """One request and its answer.

    ask         service and identifier, as services.checked_ask passes them
    every_ns    how often it is asked, where it may be
    signals     places count from the first byte behind the identifier
    data_bytes  how many bytes of data it answers with, where that is known: only so a second identifier in the same
                answer is found
    texts       what raw values of a signal are called, where they have names
    """

    name: str
    request: Address
    response: Address
    ask: bytes
    signals: tuple[SignalLayout, ...]
    every_ns: int = 1_000_000_000
    data_bytes: int | None = None
    texts: Mapping[str, Mapping[int, str]] = field(default_factory=dict)

    @property
    def answer(self) -> bytes:
        """What the answer begins with."""
        return answer_to(self.ask)

    @cached_property
    def paged(self) -> Mapping[int, tuple[SignalLayout, ...]]:
        """Signals by page, moved to where they are in it."""
        pages: dict[int, list[SignalLayout]] = {}
        for signal in self.signals:
            page = signal.start_bit // 8 // PAGE_STRIDE
            moved = replace(signal, start_bit=signal.start_bit - 8 * PAGE_STRIDE * page)
            pages.setdefault(page, []).append(moved)
        return {page: tuple(pages[page]) for page in sorted(pages)}

    def pages(self, number: int) -> list[MessageLayout]:
        """One message for each page with signals. number: of this definition among all that are decoded together."""
        return [
            MessageLayout(self.name, page_id(number, page), True, FD_BYTES, signals)
            for page, signals in self.paged.items()
        ]


def page_id(number: int, page: int) -> int:
    """An identifier of more than 29 bits, which no frame has."""
    return _PAGE_ID | number * _PAGES + page


def is_page(can_id: int) -> bool:
    return can_id >= _PAGE_ID


def definitions_decoder(definitions: Sequence[Definition], beside: Decoder | None = None) -> Decoder:
    """Decodes pages, and the frames of a DBC beside them. Raises ValueError for too many definitions."""
    if len(definitions) > MAX_DEFINITIONS:
        raise ValueError(f"expected at most {MAX_DEFINITIONS} definitions, found {len(definitions)}")
    pages = [page for number, one in enumerate(definitions) for page in one.pages(number)]
    messages, notes = (beside.messages, beside.notes) if beside else ((), ())
    return Decoder((*messages, *pages), notes)


def answered_signal(
    name: str,
    bit: int,
    bit_length: int,
    *,
    is_signed: bool = False,
    is_little_endian: bool = False,
    factor: int | float = 1,
    offset: int | float = 0,
    unit: str = "",
) -> SignalLayout:
    """A signal by the place of its first bit, counted from the most significant bit of the first byte of the data.

    is_little_endian: the bytes that it touches stand the other way round; they are turned before bits are counted.
    Raises ValueError for one that does not fit into 64 bits or into a message, or that turned bytes do not hold.
    """
    if not 1 <= bit_length <= MAX_BITS or bit < 0 or bit + bit_length > 8 * MAX_BYTES:
        raise ValueError(f"{name}: expected 1 to {MAX_BITS} bits within {MAX_BYTES} bytes, found {bit_length} at {bit}")
    byte, first = divmod(bit, 8)
    own_bits = 8 * ((bit_length + 7) // 8)
    if is_little_endian and first + bit_length > own_bits:
        raise ValueError(
            f"{name}: {bit_length} bits at bit {first} of a byte cannot be read in reverse; begin at a byte"
        )
    start_bit = 8 * byte + (own_bits - first - bit_length if is_little_endian else 7 - first)
    return SignalLayout(name, start_bit, bit_length, is_little_endian, is_signed, False, factor, offset, unit)
