"""The thread in which a connection's callbacks are called, one at a time; beside it the line is kept alive."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from packseal.io.beat import Beat
from packseal.io.mqtt_queue import Figures, Inbox, Received, StateChanged

Messages = Sequence[tuple[str, bytes]]


class Taker:
    def __init__(
        self,
        inbox: Inbox,
        figures: Figures,
        on_state: Callable[[bool], None],
        on_messages: Callable[[Messages], None],
        most_at_once: int,
        acknowledge: Callable[[Received], None],
    ) -> None:
        self._inbox, self._figures, self._on_state, self._on_messages = inbox, figures, on_state, on_messages
        self._most_at_once, self._acknowledge = most_at_once, acknowledge
        self._problem = ""
        self._taking: Beat | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def problem(self, stall_s: float) -> str:
        taking = self._taking
        if taking is not None and taking.silent_s > stall_s:
            return (
                f"what came has not been taken for {taking.silent_s:.0f} s; does the disk or the database stand still?"
            )
        return self._problem

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="mqtt-taker", daemon=True)
        self._thread.start()

    def stop(self, longest_s: float) -> None:
        """What has come is still taken, as far as there is time. May be called by who is called here."""
        self._inbox.end()
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(longest_s)

    def _run(self) -> None:
        while (item := self._inbox.take()) is not None:
            self._taking = Beat()
            if isinstance(item, StateChanged):
                self._change(item.is_connected)
            else:
                for start in range(0, len(item), self._most_at_once):
                    self._taking = Beat()
                    self._hand_over(item[start : start + self._most_at_once])
            self._taking = None

    def _change(self, is_connected: bool) -> None:
        try:
            self._on_state(is_connected)
        except Exception as error:  # an error here would end this thread, and with it all that is heard
            self._problem = f"a change of the connection was not taken: {error}"

    def _hand_over(self, batch: Sequence[Received]) -> None:
        self._figures.add("received_batches")
        try:
            self._on_messages([(received.topic, received.content) for received in batch])
        except Exception as error:  # the same
            self._figures.add("received_not_taken", len(batch))
            self._problem = f"{_named(batch)} not taken: {error}"
        else:
            self._problem = ""
        finally:
            for received in batch:
                self._acknowledge(received)


def _named(batch: Sequence[Received]) -> str:
    if len(batch) == 1:
        return f"a message on {batch[0].topic} was"
    return f"{len(batch)} messages, the first on {batch[0].topic}, were"
