"""The one thread that talks to a broker: connects, sends what waits, hands over what comes, and begins again, for ever.

Everything that paho does happens in it. A thread that stood still is given up and another one begins (mqtt.py); the old
one finds, when it goes on, that it is not meant any more, and ends without a trace.
"""

from __future__ import annotations

import random
import socket
import threading
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress

from packseal.errors import ConfigError
from packseal.io.beat import Beat
from packseal.io.mqtt_plan import MQTTPlan
from packseal.io.mqtt_queue import Figures, Inbox, Received, SendQueue, StateChanged
from packseal.io.mqtt_retry import SETTLED_S, BackOff, VersionChoice
from packseal.io.mqtt_session import FLUSH_S, MQTTSession
from packseal.io.mqtt_words import connect_words, ended_words, lost_soon_words

LONGEST_TURN_S = 1.0
OFTEN = 3  # connections, each within seconds
MAX_GIVEN_UP = 3  # threads that stood still, each of them with what it waits for


class BrokerLoop:
    def __init__(self, plan: MQTTPlan, figures: Figures, queue: SendQueue, inbox: Inbox) -> None:
        self.plan, self._figures, self._queue, self._inbox = plan, figures, queue, inbox
        self.problem = "not reached yet"
        self._beat = Beat()
        self._session: MQTTSession | None = None
        self._acknowledged: deque[Received] = deque()
        self._versions, self._back_off = VersionChoice(), BackOff(random.SystemRandom().uniform)
        self._wake_pair: tuple[socket.socket, socket.socket] | None = None
        self._thread: threading.Thread | None = None
        self._given_up: list[threading.Thread] = []
        self._longest_s = min(LONGEST_TURN_S, plan.times.stall_s / 3)  # between two signs of life
        self._lost_soon = 0
        self._stopping = threading.Event()

    @property
    def max_packet_bytes(self) -> int:
        """What the broker takes of one packet; 0 where it has not said."""
        session = self._session
        return session.max_packet_bytes if session else 0

    def start(self) -> None:
        self._beat = Beat()
        if self._wake_pair is None:
            self._wake_pair = socket.socketpair()
            for end in self._wake_pair:
                end.setblocking(False)
        woken = self._wake_pair[0]
        self._thread = threading.Thread(target=self._run, args=(self._beat, woken), name="mqtt", daemon=True)
        self._thread.start()

    def replace_if_still(self, stall_s: float) -> bool:
        """Another thread, in place of one that has ended or has not turned for so long; not ever more of them."""
        if self._thread and self._thread.is_alive() and self._beat.silent_s <= stall_s:
            return False
        self._given_up = [thread for thread in (*self._given_up, self._thread) if thread and thread.is_alive()]
        if len(self._given_up) >= MAX_GIVEN_UP:
            self.problem = f"is not tried: {len(self._given_up)} threads stand still; start the program again"
            return False
        self._leave()
        self.start()
        return True

    def stop(self, longest_s: float) -> None:
        """Sends what waits and says goodbye, where that goes at once."""
        self._stopping.set()
        self.wake()
        if self._thread:
            self._thread.join(longest_s)
        if not any(thread and thread.is_alive() for thread in (*self._given_up, self._thread)):
            for end in self._wake_pair or ():
                end.close()

    def wake(self) -> None:
        if self._wake_pair is not None:
            with suppress(OSError):  # full: it wakes anyway; closed: there is nothing to wake
                self._wake_pair[1].send(b"\0")

    def acknowledge(self, received: Received) -> None:
        """From any thread: at the broker, if it is still the connection on which it came."""
        if received.packet_id:
            self._acknowledged.append(received)
            if len(self._acknowledged) == 1:  # else another one has woken it, and all are taken together
                self.wake()

    def gauges(self) -> Mapping[str, int]:
        session = self._session
        is_open = session is not None and session.is_open
        return {
            "connected": int(is_open),
            "version": int(session.version) if session and is_open else 0,
            "in_flight": len(session.in_flight) if session else 0,
            "waiting": len(self._queue),
        }

    def _run(self, beat: Beat, woken: socket.socket) -> None:
        while self._goes_on(beat):
            wait_s = 0.0
            try:
                wait_s = self._connect_once(beat, woken)
            except Exception as error:  # the thread must outlive what nobody thought of
                self._tell(beat, f"{error!r}")
                wait_s = self._back_off.delay_s()
            self._pause(beat, wait_s)

    def _goes_on(self, beat: Beat) -> bool:
        return beat is self._beat and not self._stopping.is_set()

    def _tell(self, beat: Beat, problem: str) -> None:
        if beat is self._beat:
            self.problem = problem

    def _connect_once(self, beat: Beat, woken: socket.socket) -> float:
        """One connection, from before its beginning to its end. How long to wait until the next."""
        beat()
        version = self._versions.begin(time.monotonic())
        try:
            session = MQTTSession(self.plan, version, woken, self._figures, self._inbox.add)
        except ConfigError as error:
            self._tell(beat, f"cannot be tried: {error}")
            return self._back_off.delay_s()
        try:
            if self._goes_on(beat):  # a thread that was given up would throw its successor out of the broker
                session.open()
            if self._goes_on(beat):
                self._serve(session, beat)
        except OSError as error:
            session.problem = session.problem or connect_words(error)
        finally:
            session.drop()
            if beat is self._beat:
                self._leave()
        return self._conclude(session, beat) if beat is self._beat else 0.0

    def _serve(self, session: MQTTSession, beat: Beat) -> None:
        self._session = session
        while self._goes_on(beat) and not session.ended:
            beat()
            was_open = session.is_open
            self._send(session)
            session.turn(self._longest_s, reads=not (session.is_open and self._inbox.is_full))
            if session.is_open:
                self._tell(beat, session.problem)
            if beat is self._beat and session.is_open and not was_open:
                self._entered()
        if beat is self._beat and session.is_open and not session.ended:
            self._part(session, beat)

    def _entered(self) -> None:
        self._versions.accepted(time.monotonic())
        self._figures.add("connections")
        self._queue.open()
        self._inbox.add(StateChanged(True))

    def _send(self, session: MQTTSession) -> None:
        while self._acknowledged:
            received = self._acknowledged.popleft()
            if received.session is session:
                session.acknowledge(received.packet_id)
        session.flush()
        while messages := self._queue.take(session.room):  # more than once where none is acknowledged (QoS 0)
            for message in messages:
                session.publish(message)
            session.flush()

    def _part(self, session: MQTTSession, beat: Beat) -> None:
        until_s = time.monotonic() + FLUSH_S
        while not session.ended and time.monotonic() < until_s and (len(self._queue) or session.in_flight):
            beat()
            self._send(session)
            session.turn(0.1, reads=True)
        if not session.ended:
            session.disconnect()

    def _leave(self) -> None:
        """Of the connection there was nothing is left, and who keeps messages is told."""
        session, self._session = self._session, None
        if session is not None and session.is_open:
            dropped = self._queue.close() + len(session.in_flight)
            self._figures.add("dropped_unacknowledged", dropped)
            self._inbox.add(StateChanged(False))

    def _conclude(self, session: MQTTSession, beat: Beat) -> float:
        """Why it ended is told. How long to wait until the next."""
        if self._stopping.is_set():
            self._tell(beat, "")
            return 0.0
        self._figures.add("connections_lost" if session.is_open else "connections_failed")
        if session.is_open:
            self._lost_soon = 0 if session.age_s >= SETTLED_S else self._lost_soon + 1
            if not self._lost_soon:
                self._back_off.settled()
        is_often = self._lost_soon >= OFTEN and session.problem == ended_words(is_open=True)
        self._tell(beat, lost_soon_words(self.plan.client_id) if is_often else session.problem)
        is_refused = session.is_version_refused or session.is_silent
        if is_refused and self._versions.refused(in_words=session.is_version_refused):
            return 0.0
        return self._back_off.delay_s()

    def _pause(self, beat: Beat, wait_s: float) -> None:
        until_s = time.monotonic() + wait_s
        while self._goes_on(beat) and time.monotonic() < until_s:
            beat()
            self._stopping.wait(min(self._longest_s, max(until_s - time.monotonic(), 0)))
