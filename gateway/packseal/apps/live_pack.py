"""One battery as dashboards see it: its last values, and what each of its documents has said of them last."""

from __future__ import annotations

from typing import Protocol

from packseal.exchange.projections.documents import Clocks, Message, is_in_cells, state_message
from packseal.exchange.projections.last_values import LastValues
from packseal.exchange.projections.selection import Gate, Selection
from packseal.exchange.projections.senml import senml_message


class Publish(Protocol):
    def __call__(self, topic: str, content: bytes, *, retain: bool = False) -> bool: ...


class LivePack:
    """has_board: it has alarms, and is shown by its board alone."""

    def __init__(self, selection: Selection, *, has_senml: bool) -> None:
        self.last = LastValues()
        self.has_board = False
        self._names = {
            "state": tuple(name for name in selection.names() if not is_in_cells(name)),
            "cells": tuple(name for name in selection.names() if is_in_cells(name)),
        }
        self._gates = {document: Gate(selection, names) for document, names in self._names.items()}
        self._senml = Gate(selection, selection.names()) if has_senml else None
        self._alarms: frozenset[int] | None = None  # as they were sent last

    def forget(self) -> None:
        """The broker may have lost what it retained."""
        for gate in self._gates.values():
            gate.forget()

    def due_ms(self) -> int | None:
        """When the next document is due, if nothing changes before; None for never."""
        if self.last.seq is None:
            return None
        gates = [*self._gates.values(), *([self._senml] if self._senml else [])]
        times = [due_ms for gate in gates if (due_ms := gate.due_ms(self.last.seen)) is not None]
        return min([*times, *([self.last.measured_ms] if self.last.alarms != self._alarms else [])], default=None)

    def publish(self, publish: Publish, topic: str, now: Clocks) -> None:
        """What is due; topic: the levels of the battery's topics."""
        if self.last.seq is None:
            return  # what is retained of before a restart says more
        for document, gate in self._gates.items():
            is_state = document == "state"
            if gate.due(self.last.seen, now.ms) or (is_state and self.last.alarms != self._alarms):
                names, has_alarms = self._names[document], is_state and self.has_board
                message = state_message(f"{topic}/{document}", self.last, names, now, has_alarms=has_alarms)
                if send(publish, message):
                    gate.sent(names, self.last.seen, now.ms)
                    self._alarms = self.last.alarms if is_state else self._alarms
        self._publish_senml(publish, topic, now)

    def _publish_senml(self, publish: Publish, topic: str, now: Clocks) -> None:
        names = self._senml.due(self.last.seen, now.ms) if self._senml else ()
        message = senml_message(topic, self.last, names, now) if names else None
        if self._senml and (message is None or send(publish, message)):
            self._senml.sent(names, self.last.seen, now.ms)


def send(publish: Publish, message: Message) -> bool:
    return publish(message.topic, message.content, retain=message.retain)
