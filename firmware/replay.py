"""Runs the logger's sampler and estimator over a table of measurements, for `packseal replay`: rows in, statements out.

The first line of standard input is the configuration as the logger has it, in JSON, with `temperature_sensors` beside.
Each line after it is a sample: integers with commas between them, nothing where a value is not available. In order:
time in ms since the first one, pack_ma, pack_mv, each cell block in mV, each sensor in ddegC. What a BMS claims is not
there: what it is judged against must not reach an estimate.

Each line of standard output is a JSON object with `t_ms`: `soh` and `estimate` are the bodies of such entries
(docs/record.md), whose inputs are numbers of windows from 0; `soc_cpct` is the state of charge, where it has moved by a
percent; the last one has `end`. Its bytes are the same from every MicroPython and from CPython: a test compares.

Samples are taken, settled and put into windows as logger.py does it, and nothing here decides anything.
"""

import json
import sys

from logger.core.entries import ESTIMATE, SOH, Progress
from logger.core.sampler import Sampler

PIECE = 8192  # MicroPython's own way of reading a line asks the system for each character
KINDS = {SOH: "soh", ESTIMATE: "estimate"}
SOC_STEP_CPCT = 100
WINDOW_SOC = 8  # docs/record.md, WINDOW


class Rows:
    """The source of a board whose values are written down. `row`: the one that is read next."""

    refused = 0

    def __init__(self, cell_blocks, temperature_sensors):
        self.temperature_sensors = temperature_sensors
        self._cell_blocks = cell_blocks
        self.row = None

    def read(self, sample):
        row = self.row
        sample.current_ma, sample.pack_mv = row[1:3]
        sample.missing = 0
        for i in range(self._cell_blocks):
            sample.cell_mv[i] = row[3 + i]
        for i in range(self.temperature_sensors):
            sample.temperature_ddegc[i] = row[3 + self._cell_blocks + i]


class Replay:
    """Rows in, `say` is called with a line now and then."""

    def __init__(self, config, say):
        self._source = Rows(config["cell_blocks"], config["temperature_sensors"])
        self._sampler = Sampler(config, self._source)
        self._progress = Progress()  # of a log that has just been opened
        self._sampler.begin(0, self._progress)
        self._say = say
        self._now_ms = self._rows = self._windows = 0
        self._said_soc_cpct = None

    def add(self, row):
        sampler = self._sampler
        self._source.row = row
        self._now_ms = row[0]
        self._rows += 1
        sampler.take(self._now_ms - sampler.window_began_ms)
        if sampler.estimator.is_due:
            sampler.estimator.settle()
        self._work()
        if sampler.is_window_over(self._now_ms):
            self._end_window()

    def end(self):
        """The last window ends with the rows: what its rest has shown is not lost."""
        if self._now_ms > self._sampler.window_began_ms:
            self._end_window()
        self._work()
        while self._tell_statement():  # what waited for a window each
            pass
        counters = self._sampler.counters.result()
        self._tell("end", {"counters": counters, "rows": self._rows, "windows": self._windows})

    def _work(self):
        """All that a board would do between the slots."""
        while self._sampler.estimator.has_work:
            self._sampler.estimator.work()

    def _end_window(self):
        soc_cpct = self._sampler.end_window(self._now_ms, self._progress.counters).get(WINDOW_SOC)
        self._sampler.estimator.note_window(self._windows)
        self._windows += 1
        self._tell_statement()
        if soc_cpct is not None and self._is_news(soc_cpct):
            self._said_soc_cpct = soc_cpct
            self._tell("soc_cpct", soc_cpct)

    def _tell_statement(self):
        """Whether there was one."""
        statement = self._sampler.estimator.statement()
        if statement:
            kind, body = statement
            self._tell(KINDS[kind], body)
        return bool(statement)

    def _is_news(self, soc_cpct):
        return self._said_soc_cpct is None or abs(soc_cpct - self._said_soc_cpct) >= SOC_STEP_CPCT

    def _tell(self, name, value):
        self._say(f'{{"t_ms": {self._now_ms}, "{name}": {json_of(value)}}}')


def json_of(value):
    """In order of key: a map of MicroPython has none of its own."""
    if isinstance(value, dict):
        return "{" + ", ".join([f'"{key}": {json_of(value[key])}' for key in sorted(value)]) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join([json_of(item) for item in value]) + "]"
    return json.dumps(value)


def lines_of(stream):
    """Also a last one without an end."""
    rest = ""
    while True:
        piece = stream.read(PIECE)
        lines = (rest + piece).split("\n")
        rest = lines.pop()
        yield from lines
        if not piece:
            break
    if rest:
        yield rest


def row_of(line):
    return [int(part) if part else None for part in line.split(",")]


if __name__ == "__main__":
    lines = lines_of(sys.stdin)
    replay = Replay(json.loads(next(lines)), print)
    for line in lines:
        replay.add(row_of(line))
    replay.end()
