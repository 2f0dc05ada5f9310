"""Asking: what is sent when, and what each ECU made of it. A pure state machine: told the time and the frames heard.

Decides the order of the requests, one at a time for each ECU; flow control for answers of several frames (ISO 15765-2,
9.6.5); how long an answer is waited for (ISO 14229-2, 7.2: P2 and, after "response pending", P2*); and when to leave an
ECU alone: one that does not answer is asked less and less, for a vehicle that sleeps must not be kept awake, and one
that somebody else asks is left to them. Only requests that the gate allows are ever asked. Leaves to io/ the sending,
past the same gate; to listening.py what the answers mean.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from packseal.frames import Frames
from packseal.frames.isotp import N_CR_NS, Address, Outgoing, Reassembler, flow_control, rows_of, single_frame
from packseal.signals.diagnostics.definitions import Definition
from packseal.signals.diagnostics.services import negative
from packseal.signals.diagnostics.transmit import TransmitGate

ANSWER_NS = 1_000_000_000  # P2 is 50 ms; the rest is for frames that are handed over some at a time
PENDING_NS = 6_000_000_000  # P2* is 5 s
MISSES = 3  # unanswered in a row before an ECU is left alone
FIRST_REST_NS, LONGEST_REST_NS = 10_000_000_000, 600_000_000_000
OTHER_TESTER_REST_NS = 10_000_000_000
LONGEST_INTERVAL_NS = 3_600_000_000_000  # of a request that the ECU refuses


class FlowControl(NamedTuple):
    """What an ECU is told when its answer has several frames: how many at once, 0 for all, and how far apart."""

    block_size: int = 0
    separation_ms: int = 0


@dataclass
class PollCounts:
    """asked: requests sent. refused: negative answers, by request and reason. other_tester: their frames heard."""

    asked: int = 0
    answered: int = 0
    unanswered: int = 0
    other_tester: int = 0
    refused: Counter[str] = field(default_factory=Counter)


@dataclass
class _Ask:
    definition: Definition
    interval_ns: int
    next_ns: int = 0
    refusal: str = ""  # what the last answer was, where it was one


@dataclass
class _Ecu:
    """sent: all frames since the request, so that an adapter's echo of them is known for what it is."""

    asks: list[_Ask]
    waiting: _Ask | None = None
    deadline_ns: int = 0
    resting_until_ns: int = 0
    misses: int = 0
    rest_ns: int = FIRST_REST_NS
    sent: list[Outgoing] = field(default_factory=list)


class Poller:
    """Asks what `gate` allows of the definitions; `not_allowed` names the others, which are only listened for."""

    def __init__(self, definitions: Sequence[Definition], gate: TransmitGate, flow: FlowControl | None = None) -> None:
        self.counts = PollCounts()
        self._flow = flow or FlowControl()
        allowed = [one for one in definitions if gate.allows(one.request, one.ask)]
        self.not_allowed = tuple(one.name for one in definitions if one not in allowed)
        self._ecus: dict[Address, _Ecu] = {}
        asked: set[tuple[Address, bytes]] = set()
        for one in allowed:
            ecu = self._ecus.setdefault(one.response, _Ecu([]))
            if (one.request, one.ask) not in asked:  # of several definitions of one answer, one asks
                ecu.asks.append(_Ask(one, one.every_ns))
                asked.add((one.request, one.ask))
        self._testers = {one.request.key for one in allowed}
        self._reassembler = Reassembler(list(self._ecus))
        self._keys = self._testers | {address.key for address in self._ecus}

    @property
    def resting(self) -> list[str]:
        """The ECUs that are left alone because they do not answer."""
        return [str(address) for address, ecu in self._ecus.items() if ecu.misses >= MISSES]

    @property
    def refusals(self) -> list[str]:
        """The requests whose last answer was a refusal, with its reason."""
        asks = [ask for ecu in self._ecus.values() for ask in ecu.asks]
        return [f"{ask.definition.name}: {ask.refusal}" for ask in asks if ask.refusal]

    def step(self, now_ns: int, frames: Frames) -> list[Outgoing]:
        """What is to be sent now. now_ns: of a clock that nobody sets. frames: heard since the last step."""
        if not self._ecus:
            return []
        out: list[Outgoing] = []
        for key, channel, time_ns, data in rows_of(frames, self._keys):
            if key in self._testers:
                self._hear_tester(key, data, now_ns)
            else:
                out += self._hear_ecu(key, channel, time_ns, data, now_ns)
        for ecu in self._ecus.values():
            self._give_up(ecu, now_ns)
            out += self._next(ecu, now_ns)
        return out

    def _hear_tester(self, key: int, data: bytes, now_ns: int) -> None:
        """Somebody else asks the same ECU, unless it is an adapter's echo of our own frame."""
        for ecu in self._ecus.values():
            if all(ask.definition.request.key != key for ask in ecu.asks):
                continue
            echo = next((one for one in ecu.sent if one.data == data), None)
            if echo:
                ecu.sent.remove(echo)
                return
            self.counts.other_tester += 1
            ecu.resting_until_ns = max(ecu.resting_until_ns, now_ns + OTHER_TESTER_REST_NS)

    def _hear_ecu(self, key: int, channel: int, time_ns: int, data: bytes, now_ns: int) -> list[Outgoing]:
        address = self._reassembler.address(key, data)
        before = self._reassembler.begun(address, channel) if address else None
        message = self._reassembler.take_frame(key, channel, time_ns, data)
        if address is None or (ecu := self._ecus[address]).waiting is None:
            return []
        if message:
            self._answered(ecu, ecu.waiting, message.payload, now_ns)
            return []
        begun = self._reassembler.begun(address, channel)
        if begun is None or begun == before or not begun.data.startswith(ecu.waiting.definition.answer):
            return []  # no part of an answer, or part of one to somebody else
        ecu.deadline_ns = max(ecu.deadline_ns, now_ns + N_CR_NS)
        is_due = begun.frames == 1 or (self._flow.block_size and (begun.frames - 1) % self._flow.block_size == 0)
        return [self._sent(ecu, flow_control(ecu.waiting.definition.request, *self._flow))] if is_due else []

    def _answered(self, ecu: _Ecu, ask: _Ask, payload: bytes, now_ns: int) -> None:
        refused = negative(payload)
        if refused and refused.service == ask.definition.ask[0]:
            if refused.is_pending:
                ecu.deadline_ns = now_ns + PENDING_NS
                return
            self.counts.refused[f"{ask.definition.name}: {refused.name}"] += 1
            ask.refusal = refused.name
            ask.interval_ns = min(2 * ask.interval_ns, max(LONGEST_INTERVAL_NS, ask.definition.every_ns))
        elif payload.startswith(ask.definition.answer):
            self.counts.answered += 1
            ask.interval_ns, ask.refusal = ask.definition.every_ns, ""
        else:
            return  # the answer to somebody else
        ask.next_ns = max(ask.next_ns + ask.interval_ns, now_ns)
        ecu.waiting, ecu.misses, ecu.rest_ns = None, 0, FIRST_REST_NS

    def _give_up(self, ecu: _Ecu, now_ns: int) -> None:
        if ecu.waiting is None or now_ns < ecu.deadline_ns:
            return
        self.counts.unanswered += 1
        ecu.waiting.next_ns = max(ecu.waiting.next_ns + ecu.waiting.interval_ns, now_ns)
        ecu.waiting = None
        ecu.misses += 1
        if ecu.misses >= MISSES:
            ecu.resting_until_ns = now_ns + ecu.rest_ns
            ecu.rest_ns = min(2 * ecu.rest_ns, LONGEST_REST_NS)

    def _next(self, ecu: _Ecu, now_ns: int) -> list[Outgoing]:
        if ecu.waiting or now_ns < ecu.resting_until_ns:
            return []
        ask = min(ecu.asks, key=lambda one: one.next_ns)
        if now_ns < ask.next_ns:
            return []
        ask.next_ns = max(ask.next_ns, now_ns - ask.interval_ns)  # what was missed is not made up for
        ecu.waiting, ecu.deadline_ns = ask, now_ns + ANSWER_NS
        ecu.sent.clear()
        self.counts.asked += 1
        return [self._sent(ecu, single_frame(ask.definition.request, ask.definition.ask))]

    def _sent(self, ecu: _Ecu, frame: Outgoing) -> Outgoing:
        ecu.sent.append(frame)
        return frame
