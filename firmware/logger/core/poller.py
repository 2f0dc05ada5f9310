"""Asks a BMS on a byte line one question after the other, and finds the answers in what comes back. No port here.

What a question is, and what its answer means, is the dialect's part (jbd.py, daly.py):
`questions` says how many there are in a round; request(index) gives the bytes of one, None to leave it out this time;
find(buffer, count) gives where in buffer[:count] the answer to the last one begins, if it ends exactly at count, else
-1; take(buffer, start, asked_ms) reads it, and returns False when it is one that must not be believed.

An answer is looked for when the line has fallen quiet, and must be the last thing that came: checksums of these
protocols are short, and a byte lost or added inside a frame then always shows. What came before it (the request's own
echo on a two-wire line, a glitch when a transceiver turned) does no harm. Every exchange so begins in step again.
"""

from logger.core.readings import TIME_MASK, since

QUIET_MS = 20  # 20 bytes at 9600 baud; also the pause a Daly needs between two requests
TRIES = 2  # the first request only wakes a JBD that sleeps (protocol V4, physical interface)
BUFFER_BYTES = 256


class Poller:
    """line: read() -> bytes that have come, write(content) -> how many of them it took.

    Readable: `refused` (exchanges with an answer that was damaged, not asked for, late, or not to be believed),
    `unanswered` (requests that nothing came back to), `echoes`. They only rise.
    """

    def __init__(self, line, dialect, poll_ms, timeout_ms):
        self.refused = self.unanswered = self.echoes = 0
        self._line = line
        self._dialect = dialect
        self._poll_ms = poll_ms
        self._timeout_ms = timeout_ms
        self._buffer = bytearray(BUFFER_BYTES)
        self._count = self._looked_at = 0
        self._request = b""
        self._sent = 0
        self._index = dialect.questions
        self._tries = 0
        self._is_waiting = self._has_strays = False
        self._began_ms = self._asked_ms = self._tried_ms = self._heard_ms = None

    def step(self, now_ms):
        """Never blocks. now_ms: as Readings.tick returned it."""
        if self._began_ms is None:  # the first round begins at once
            self._began_ms = (now_ms - self._poll_ms) & TIME_MASK
            self._asked_ms = self._heard_ms = now_ms
        self._hear(self._line.read(), now_ms)
        if not self._is_waiting:
            self._ask_when_due(now_ms)
        elif self._sent < len(self._request):
            self._send()
        elif self._looked_at < self._count and since(self._heard_ms, now_ms) >= QUIET_MS:
            self._look()
        if self._is_waiting and since(self._tried_ms, now_ms) >= self._timeout_ms:
            self._give_up(now_ms)

    def _hear(self, content, now_ms):
        if not content:
            return
        self._heard_ms = now_ms
        if not self._is_waiting:
            self._has_strays = True
            return
        for byte in content:
            if self._count == BUFFER_BYTES:
                self._count = self._looked_at = 0
                self._has_strays = True
            self._buffer[self._count] = byte
            self._count += 1

    def _ask_when_due(self, now_ms):
        if self._has_strays and since(self._heard_ms, now_ms) < QUIET_MS and not self._is_overdue(now_ms):
            return  # somebody else speaks
        if self._index >= self._dialect.questions:
            if since(self._began_ms, now_ms) < self._poll_ms:
                return
            self._index = 0
            self._began_ms = now_ms
        request = self._dialect.request(self._index)
        if request is None:
            self._index += 1
            return
        self._request = request
        self._asked_ms = now_ms
        self._tries = 0
        self._ask(now_ms)

    def _is_overdue(self, now_ms):
        """Somebody who never stops is spoken over."""
        return since(self._asked_ms, now_ms) >= self._poll_ms + 2 * self._timeout_ms

    def _ask(self, now_ms):
        self._count_strays()
        self._count = self._looked_at = self._sent = 0
        self._tries += 1
        self._tried_ms = now_ms
        self._is_waiting = True
        self._send()

    def _count_strays(self):
        self.refused += self._has_strays
        self._has_strays = False

    def _send(self):
        rest = self._request[self._sent :] if self._sent else self._request
        self._sent += self._line.write(rest)

    def _look(self):
        self._looked_at = self._count
        start = self._dialect.find(self._buffer, self._count)
        if start < 0:
            return  # more may come
        if start:
            self._note_leading(start)
        if not self._dialect.take(self._buffer, start, self._asked_ms):
            self.refused += 1
        self._end()

    def _note_leading(self, count):
        """What came before an answer, or in place of one: an echo, or something that is refused."""
        if self._is_echo(count):
            self.echoes += 1
        else:
            self._has_strays = True

    def _is_echo(self, count):
        if count != len(self._request):
            return False
        for i in range(count):  # noqa: SIM110 - a generator takes from the heap
            if self._buffer[i] != self._request[i]:
                return False
        return True

    def _give_up(self, now_ms):
        if self._count:
            self._note_leading(self._count)
        if not self._has_strays:
            self.unanswered += 1
        if self._tries < TRIES:
            self._ask(now_ms)
        else:
            self._end()

    def _end(self):
        self._count_strays()
        self._is_waiting = False
        self._count = self._looked_at = 0
        self._index += 1


class PolledSource:
    """A source (docs/sources.md) that is a BMS on a byte line. settings: poll_ms and timeout_ms among them."""

    kind = 2  # docs/record.md, BOOT key 3: UART

    def __init__(self, line, dialect, readings, settings):
        self.temperature_sensors = len(readings.temperature_ddegc)
        self.dialect = dialect
        self.poller = Poller(line, dialect, settings["poll_ms"], settings["timeout_ms"])
        self._readings = readings

    @property
    def refused(self):
        return self.poller.refused

    @property
    def resets(self):
        return self.dialect.cycles.resets

    def step(self, now_ms):
        self.poller.step(self._readings.tick(now_ms))

    def read(self, sample):
        """What counted at the last step: an age is measured up to there."""
        self._readings.read(sample)
