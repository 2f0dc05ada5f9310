"""Boards on pseudo-terminals that speak the real link (docs/link.md), with logs that were signed beforehand.

    python benchmarks/line/boards.py --folder F --boards 20 --units 100 --records 15 --rate 1000 --service-key HEX

First it says ports and keys as a line of JSON; after "go" on its standard input each board takes its next unit of
records, windows and their checkpoint, as often as `rate` has it for all boards together. Every second a line of JSON:
how many records are there and how many of them have a receipt, and for what was receipted in that second
[ms, records]: from the moment that the unit was due, however late this program was, until its verified receipt has come
back over the line. Not simulated: the time that a board takes for its cryptography.
"""

from __future__ import annotations

import argparse
import json
import os
import selectors
import sys
import time
import tty
from bisect import bisect_left
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from pathlib import Path

from benchmarks.line.logs import LogFile, opened, write_logs
from benchmarks.passport.deliveries import Pack, signing_key

from packseal.io.link import FrameReader, Kind, encode_frame
from packseal.records.cbor import Value, decode, encode
from packseal.records.checkpoint import verify_receipt

STATUS_S, REPORT_S = 1.0, 1.0
FIRST_RECORDS = 2
AT_ONCE_BYTES = 4096  # what a pseudo-terminal holds


@dataclass
class SimulatedBoard:
    """The board's side of the link as a pure object, of a board that frees nothing."""

    pack: Pack
    log: LogFile
    service_key: bytes
    ready: int = 1  # units that are there
    sent: int = 0  # units that went out
    limit: int = 0  # the gateway's credit, in records
    receipted: int = 0  # records
    refused: int = 0
    out: bytearray = field(default_factory=bytearray)
    reader: FrameReader = field(default_factory=FrameReader)

    @property
    def size(self) -> int:
        return self.log.ends[self.ready - 1]

    def receive(self, content: bytes) -> list[int]:
        """-> the units that have their receipt now"""
        found: list[int] = []
        for frame in self.reader.feed(content):
            if frame.kind == Kind.ASK:
                self._greet()
            elif frame.kind == Kind.WANT:
                self._want(frame.body)
            elif frame.kind == Kind.RECEIPT:
                found += self._receipt(frame.body)
        self.send_what_may()
        return found

    def send_what_may(self) -> None:
        while self.sent < self.ready and self.log.ends[self.sent] <= self.limit:
            begin, end = self.log.places[self.sent]
            self.out += self.log.frames[begin:end]
            self.sent += 1

    def say_status(self, now_ms: int) -> None:
        body: list[Value] = [now_ms, self.size, self.receipted, self.reader.refused, self.refused, 0, 0, 0, 0, 0]
        self.out += encode_frame(Kind.STATUS, encode(body))

    def _greet(self) -> None:
        hello: list[Value] = [1, 0, self.size, self.receipted, 1, 0, self.pack.genesis, b"", self.pack.seed]
        self.out += b"\x00" + encode_frame(Kind.HELLO, encode(hello))

    def _want(self, body: bytes) -> None:
        match decode(body):
            case [int(next_seq), int(credit), int(is_rewind)]:
                self.limit = next_seq + credit
                if is_rewind:
                    self.sent = bisect_left(self.log.ends, next_seq + 1)

    def _receipt(self, content: bytes) -> list[int]:
        receipt = verify_receipt(content, self.service_key)
        if receipt.log_id != self.pack.log_id:
            self.refused += 1
        if receipt.log_id != self.pack.log_id or receipt.size <= self.receipted:
            return []
        begin = bisect_left(self.log.ends, self.receipted + 1)
        self.receipted = receipt.size
        return list(range(begin, bisect_left(self.log.ends, receipt.size + 1)))


class Lines:
    """All boards, each on a pseudo-terminal of its own, in one thread."""

    def __init__(self, boards: list[SimulatedBoard], rate: float) -> None:
        """rate: records a second of all boards together; each begins at a time of its own."""
        self.boards = boards
        self._pairs = [_terminal() for _ in boards]
        self.ports = [os.ttyname(slave) for _, slave in self._pairs]
        self._selector = selectors.DefaultSelector()
        for number, (master, _) in enumerate(self._pairs):
            self._selector.register(master, selectors.EVENT_READ, number)
        self._selector.register(sys.stdin, selectors.EVENT_READ, None)
        self._unit_s = (boards[0].log.ends[-1] - boards[0].log.ends[-2]) * len(boards) / rate
        now_s = time.monotonic()
        self._status = [(now_s + STATUS_S * number / len(boards), number) for number in range(len(boards))]
        self._due: list[tuple[float, int]] = []
        self._due_s: list[list[float]] = [[now_s] for _ in boards]  # of each unit
        self._begun_s = now_s
        self._latencies: list[tuple[int, int]] = []

    def run(self) -> None:
        """Until its standard input ends."""
        report_s = time.monotonic() + REPORT_S
        while True:
            wait_s = max(0.0, min(self._next_s(), report_s) - time.monotonic())
            for key, events in self._selector.select(wait_s):
                if key.data is None:
                    if not self._told():
                        return
                    continue
                if events & selectors.EVENT_READ:
                    self._read(key.data)
                if events & selectors.EVENT_WRITE:
                    self._write(key.data)
            now_s = time.monotonic()
            self._take_turns(now_s)
            if now_s >= report_s:
                self._report(now_s)
                report_s += REPORT_S

    def _next_s(self) -> float:
        return min(self._status[0][0], self._due[0][0] if self._due else self._status[0][0])

    def _told(self) -> bool:
        line = sys.stdin.readline()
        if line:
            self._begun_s = now_s = time.monotonic()
            count = len(self.boards)
            self._due = [(now_s + self._unit_s * (number + 1) / count, number) for number in range(count)]
            heapify(self._due)
        return bool(line)

    def _take_turns(self, now_s: float) -> None:
        while self._due and self._due[0][0] <= now_s:
            due_s, number = heappop(self._due)
            board = self.boards[number]
            if board.ready < len(board.log.ends):
                board.ready += 1
                self._due_s[number].append(due_s)
                heappush(self._due, (due_s + self._unit_s, number))
                board.send_what_may()
                self._write(number)
        while self._status[0][0] <= now_s:
            due_s, number = heappop(self._status)
            heappush(self._status, (max(due_s, now_s - STATUS_S) + STATUS_S, number))
            if not self.boards[number].out:  # as a real line, which is busy
                self.boards[number].say_status(int(1000 * (now_s - self._begun_s)) % (1 << 31))
                self._write(number)

    def _read(self, number: int) -> None:
        board = self.boards[number]
        try:
            content = os.read(self._pairs[number][0], AT_ONCE_BYTES)
        except BlockingIOError:
            return
        now_s = time.monotonic()
        for unit in board.receive(content):
            records = board.log.ends[unit] - (board.log.ends[unit - 1] if unit else 0)
            self._latencies.append((round(1000 * (now_s - self._due_s[number][unit])), records))
        self._write(number)

    def _write(self, number: int) -> None:
        board, (master, _) = self.boards[number], self._pairs[number]
        try:
            while board.out:
                del board.out[: os.write(master, board.out[:AT_ONCE_BYTES])]
        except BlockingIOError:
            pass
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if board.out else 0)
        if self._selector.get_key(master).events != wanted:
            self._selector.modify(master, wanted, number)

    def _report(self, now_s: float) -> None:
        found, self._latencies = self._latencies, []
        line = {
            "at_s": round(now_s - self._begun_s, 3),
            "records": sum(board.size for board in self.boards),
            "receipted": sum(board.receipted for board in self.boards),
            "with_receipt": sum(board.receipted > 0 for board in self.boards),
            "refused": sum(board.refused + board.reader.refused for board in self.boards),
            "latencies": found,
        }
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


def _terminal() -> tuple[int, int]:
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    return master, slave


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the logs are kept")
    for name in ("boards", "units", "records"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--service-key", type=bytes.fromhex, required=True)
    chosen = parser.parse_args()
    paths = write_logs(chosen.folder, chosen.boards, chosen.units, chosen.records)
    boards = [SimulatedBoard(Pack(number), opened(path), chosen.service_key) for number, path in enumerate(paths)]
    lines = Lines(boards, chosen.rate)
    keys = [bytes(signing_key(number).verify_key).hex() for number in range(chosen.boards)]
    sys.stdout.write(json.dumps({"ports": lines.ports, "keys": keys}) + "\n")
    sys.stdout.flush()
    lines.run()


if __name__ == "__main__":
    main()
