"""Tells Home Assistant which batteries there are, and takes back what there is no longer.

Decides when: at each connection, when Home Assistant starts (its birth message), and when the settings change. What it
was told in earlier runs comes back from the broker, which keeps it: a battery that is in it and not in the settings is
taken back, also where it left them while the gateway was off.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from packseal.apps.live_pack import Publish
from packseal.exchange.projections.documents import Message
from packseal.exchange.projections.home_assistant import BIRTH, Announced
from packseal.exchange.projections.selection import Selection
from packseal.io.settings import GatewaySettings

MAX_TAKEN_BACK = 10_000  # batteries since a connection: whoever may write there could think of ever more
AGAIN_AFTER_MS = 2_000  # whoever may write the birth message could ask all the time


class Announcer:
    def __init__(self, announced: Announced, *, takes_back: bool) -> None:
        """takes_back: everything, instead of announcing it."""
        self._announced, self._takes_back = announced, takes_back
        self._is_asked = False
        self._sent_ms: int | None = None
        self._taken_back: set[str] = set()  # since the connection: what is published of them comes back as well
        self._removals: list[Message] = []
        self._announcements: list[Message] = []

    @classmethod
    def of(cls, settings: GatewaySettings, selection: Selection, version: str) -> Announcer | None:
        table = settings.home_assistant
        if table is None:
            return None
        announced = Announced(table.prefix, settings.site, selection, version, table.expire_after_s)
        return cls(announced, takes_back=table.remove)

    @staticmethod
    def topics(settings: GatewaySettings) -> list[str]:
        table = settings.home_assistant
        if table is None:
            return []
        announced = Announced(table.prefix, settings.site, Selection(), "")
        return [*announced.birth_topics, announced.batteries_topic]

    def ask(self) -> None:
        """All of it is to be said again."""
        self._is_asked = True

    def connected(self) -> None:
        """What is retained comes from the broker now, also what this has not heard of."""
        self._taken_back.clear()
        self.ask()

    def remove(self, battery: str) -> None:
        if battery not in self._taken_back and len(self._taken_back) < MAX_TAKEN_BACK:
            self._taken_back.add(battery)
            self._removals += self._announced.battery_removed(battery)

    def hear(self, topic: str, content: bytes, batteries: Container[str]) -> None:
        """The birth message, or what was announced of a battery before. batteries: those of the settings."""
        if topic in self._announced.birth_topics:
            self._is_asked = self._is_asked or content == BIRTH
            return
        battery = self._battery(topic)
        if battery and content and (self._takes_back or battery not in batteries):
            self.remove(battery)

    def turn(self, publish: Publish, has_board: Mapping[str, bool], now_ms: int) -> None:
        """Publishes what is due. has_board: of each battery of the settings."""
        if self._is_asked and (self._sent_ms is None or now_ms - self._sent_ms >= AGAIN_AFTER_MS):
            self._is_asked, self._sent_ms = False, now_ms
            self._announcements = self._messages(has_board)
            self._taken_back -= has_board.keys() if not self._takes_back else set()
        for waiting in (self._removals, self._announcements):
            while waiting and publish(waiting[0].topic, waiting[0].content, retain=True):
                waiting.pop(0)

    def _messages(self, has_board: Mapping[str, bool]) -> list[Message]:
        if self._takes_back:
            return [*self._announced.gateway_removed()]
        batteries = [self._announced.battery(name, has_board=has_board[name]) for name in sorted(has_board)]
        return [self._announced.gateway(), *batteries]

    def _battery(self, topic: str) -> str:
        before, _, after = self._announced.batteries_topic.partition("+")
        is_one = topic.startswith(before) and topic.endswith(after)
        return topic[len(before) : -len(after)] if is_one else ""
