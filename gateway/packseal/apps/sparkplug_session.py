"""The connection of a Sparkplug edge node: one of its own, for its will is the node's death.

Decides when a session ends and the next begins. The will carries the number of its session, so a connection that was
lost is not taken up again: it is given up, and another one is made with the next number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

from packseal.exchange.projections.documents import Clocks, Message
from packseal.exchange.projections.last_values import LastValues
from packseal.exchange.projections.sparkplug import wants_rebirth
from packseal.exchange.projections.sparkplug_node import SEQS, SparkplugNode

REBIRTH_EVERY_MS = 1_000  # whoever may write commands could ask all the time


class Link(Protocol):
    """A connection to the broker (io/mqtt.py)."""

    @property
    def problem(self) -> str: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def publish(self, topic: str, content: bytes, *, qos: int = 1) -> bool: ...


class OpenLink(Protocol):
    def __call__(
        self,
        client_id: str,
        topics: list[str],
        on_message: Callable[[str, bytes], None],
        on_state: Callable[[bool], None],
        last_will: Message,
    ) -> Link: ...


class SparkplugSession:
    """`prepare` and `turn` do all the work, in one thread; what the connection calls only leaves notes for them."""

    def __init__(
        self, node: SparkplugNode, client_id: str, open_link: OpenLink, wake: Callable[[], None], bd_seq: int | None
    ) -> None:
        """bd_seq: of the last session before this start."""
        self.node, self._client_id, self._open_link, self._wake = node, client_id, open_link, wake
        self.bd_seq = bd_seq
        self._link: Link | None = None
        self._is_up = self._is_lost = self._is_asked = False
        self._reborn_ms: int | None = None
        self._heard: frozenset[str] = frozenset()

    @property
    def problem(self) -> str:
        return f"Sparkplug: {self._link.problem}" if self._link and self._link.problem else ""

    def prepare(self, now: Clocks) -> None:
        """Makes a connection where there is none yet, and in place of one that was lost. It may take seconds."""
        if self._link is None or self._is_lost:
            self._begin(now)

    def turn(
        self, batteries: Mapping[str, LastValues], heard: frozenset[str], changed: frozenset[str], now: Clocks
    ) -> None:
        """Publishes what is due. changed: the batteries of which something may be."""
        if not self._is_up or self._link is None:
            return
        self._take_rebirth(now)
        self.node.look_at(changed | (heard ^ self._heard))
        self._heard = heard
        while message := self.node.next(batteries, heard, now):
            if not self._link.publish(message.topic, message.content, qos=0):
                return
            self.node.handed_over(batteries, now)

    def stop(self, now: Clocks) -> None:
        """A broker keeps the will of who says goodbye to itself, so the node says it."""
        if self._link is None:
            return
        if self._is_up:
            death = self.node.will(now.unix_ms)
            self._link.publish(death.topic, death.content)
        self._link.stop()

    def _begin(self, now: Clocks) -> None:
        if self._link:
            self._link.stop()
        self.bd_seq = 0 if self.bd_seq is None else (self.bd_seq + 1) % SEQS
        self.node.session(self.bd_seq)
        self._is_up = self._is_lost = False
        commands = [self.node.node.topic("NCMD")]
        will = self.node.will(now.unix_ms)
        self._link = self._open_link(self._client_id, commands, self._hear, self._note_state, will)
        self._link.start()

    def _take_rebirth(self, now: Clocks) -> None:
        is_due = self._reborn_ms is None or now.ms - self._reborn_ms >= REBIRTH_EVERY_MS
        if self._is_asked and is_due:
            self._is_asked, self._reborn_ms = False, now.ms
            self.node.rebirth()

    def _note_state(self, is_connected: bool) -> None:
        self._is_lost = self._is_lost or (self._is_up and not is_connected)
        self._is_up = is_connected
        self._wake()

    def _hear(self, _topic: str, content: bytes) -> None:
        with suppress(ValueError):  # no command of Sparkplug's, from whoever may write here
            if wants_rebirth(content):
                self._is_asked = True
                self._wake()
