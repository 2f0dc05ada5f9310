"""Asks the board on a port who it is, and whether it has the key that it names."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from packseal.errors import EvidenceError, Reason, UnavailableError
from packseal.io.board import LINE_ERRORS, open_line
from packseal.io.link import Hello
from packseal.io.session import (
    BoardSession,
    DeliveryArrived,
    Event,
    HelloArrived,
    PossessionArrived,
    StatusArrived,
)
from packseal.records.bare import is_bare
from packseal.records.bodies import Rotation, Seal
from packseal.records.entries import Entry, decode_entry

CHALLENGE_AGAIN_MS = 2_000  # a frame may be lost; a board answers once a second at most
TURN_S = 0.02  # whoever asks is told to stop by is_running


def hello_of(
    path: str, baud: int = 115_200, timeout_s: float = 20, is_running: Callable[[], bool] = lambda: True
) -> Hello:
    """The HELLO of the board on this port. Raises UnavailableError when none answers."""
    for event in _events(path, baud, timeout_s, is_running, BoardSession(), lambda _now_ms: None):
        if isinstance(event, HelloArrived):
            return event.hello
    raise _no_answer(path, baud)


def possession_of(
    path: str,
    nonce: bytes,
    baud: int = 115_200,
    timeout_s: float = 20,
    is_running: Callable[[], bool] = lambda: True,
) -> tuple[Hello, bytes]:
    """The HELLO of the board on this port, and a possession (docs/record.md section 5.6) for this nonce of 16 bytes.

    The possession is not verified. Raises UnavailableError when no board answers.
    """
    session = BoardSession()
    hello: Hello | None = None
    challenged_ms = 0

    def challenge(now_ms: int) -> None:
        nonlocal challenged_ms
        if hello is not None and now_ms - challenged_ms >= CHALLENGE_AGAIN_MS:
            challenged_ms = now_ms
            session.send_challenge(nonce)

    for event in _events(path, baud, timeout_s, is_running, session, challenge):
        if isinstance(event, HelloArrived):
            hello = event.hello
        elif isinstance(event, PossessionArrived) and hello is not None:
            return hello, event.possession
    raise _no_answer(path, baud)


def give_order(path: str, order_of: Callable[[Hello], bytes], baud: int = 115_200, timeout_s: float = 60) -> Entry:
    """Hands a signed order to the board on this port. -> the SEAL or KEY entry that the board made of it, signed for.

    order_of makes the order when the board has said which log it has. Raises EvidenceError(WRONG_ROLE) when the board
    refuses it, UnavailableError when nothing comes of it.
    """
    session = BoardSession()
    hello: Hello | None = None
    refused_before: int | None = None
    for event in _events(path, baud, timeout_s, lambda: True, session, lambda _now_ms: None):
        if isinstance(event, HelloArrived):
            hello = event.hello
            session.resume(hello, hello.size, time.monotonic_ns() // 1_000_000)
        elif isinstance(event, StatusArrived) and hello is not None:
            if refused_before is None:
                refused_before = event.status.orders_refused
                session.send_order(order_of(hello))
            elif event.status.orders_refused > refused_before:
                words = "the board refuses the order: it is not by its operator_public_key, or for another key or log"
                raise EvidenceError(Reason.WRONG_ROLE, words)
        elif isinstance(event, DeliveryArrived):
            entries = [decode_entry(content) for content in event.delivery.entries if not is_bare(content)]
            done = [entry for entry in entries if isinstance(entry.body, Seal | Rotation)]
            if done:
                return done[-1]
            session.accepted(entries[-1].seq + 1)
    raise UnavailableError(f"{path}: nothing came of the order in {timeout_s:.0f} s; look at the board and its wiring")


def _events(
    path: str,
    baud: int,
    timeout_s: float,
    is_running: Callable[[], bool],
    session: BoardSession,
    before_each_write: Callable[[int], None],
) -> Iterator[Event]:
    """What the board says until the time is up."""
    deadline = time.monotonic() + timeout_s
    try:
        with open_line(path, baud) as port:
            while time.monotonic() < deadline and is_running():
                now_ms = time.monotonic_ns() // 1_000_000
                session.tick(now_ms)
                before_each_write(now_ms)
                port.write(session.bytes_to_send())
                yield from session.receive(port.read(TURN_S), time.monotonic_ns() // 1_000_000)
    except LINE_ERRORS as error:
        raise UnavailableError(f"{path}: {error}; check the cable and who else uses the port") from None


def _no_answer(path: str, baud: int) -> UnavailableError:
    words = f"no board answers on {path}; check its power, the cable and the baud rate ({baud}), or the bus's bit rate"
    return UnavailableError(words)
