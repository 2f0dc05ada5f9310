"""`packseal replay`: a table of measurements through a board's own estimator, and what came out beside a reference.

The estimator is the firmware's, unmodified, in a process of its own (io/replay_board.py). It is told what a board is
told: chemistry, rated capacity, cells. The reference and what a BMS claims of itself are kept from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, islice, pairwise
from pathlib import Path

from packseal.apps.replay_page import page
from packseal.apps.replay_plot import drawn
from packseal.apps.replay_result import Replayed, Table
from packseal.apps.replay_seen import Seen
from packseal.apps.replay_statements import Output
from packseal.apps.window_records import naming
from packseal.errors import ConfigError, TableError
from packseal.io.replay_board import ReplayBoard
from packseal.io.table_file import open_table, unix_ms
from packseal.signals.column_names import Columns, columns_of
from packseal.signals.table_rows import Row, TableRows, check_plausible

HEAD_ROWS = 10_000  # what the time between two samples is told from
LEAST_SAMPLE_MS, MOST_SAMPLE_MS = 10, 60_000  # the settings of a board (firmware/logger/core/config.py)
MAX_BLOCKS, MAX_SENSORS = 128, 64
WINDOW_MS = 60_000


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """settings: more of a board's configuration, handed on as it is. sample_ms: None for every row of the table."""

    data: Path
    chemistry: str
    rated_capacity_mah: int
    cells_in_series: int | None
    interpreters: Sequence[str]
    out: Path
    columns: Mapping[str, str]
    settings: Mapping[str, int | str]
    sample_ms: int | None
    is_discharge_positive: bool


def replay(options: ReplayOptions) -> Replayed:
    """Writes the page, the picture and the statements into options.out.

    Raises TableError, ConfigError, UnavailableError, MicroPythonError.
    """
    table = open_table(options.data)
    with naming(options.data):
        columns = columns_of(table.names, options.columns)
    series = options.cells_in_series or len(columns.get("cells", ())) or 1
    source = TableRows(columns, series, -1 if options.is_discharge_positive else 1, unix_ms)
    rows = source.rows(table.rows(source.names))
    head = list(islice(rows, HEAD_ROWS))
    if len(head) < 2:
        lost = "; ".join(f"{count} {reason}" for reason, count in source.dropped.items())
        raise TableError(f"{options.data}: not two rows that can be used. Left out: {lost or 'nothing'}")
    with naming(options.data):
        check_plausible(head, series, columns)
    config = board_config(options, columns, series, head)
    seen = Seen(options.rated_capacity_mah, int(config["sample_ms"]))
    outputs = _run(options, config, seen, chain(head, rows))
    done = Replayed(Table(options.data.name, table.names, columns, source), config, seen, outputs)
    _write(options.out, done)
    return done


def board_config(options: ReplayOptions, columns: Columns, series: int, head: Sequence[Row]) -> dict[str, int | str]:
    """What firmware/replay.py is told. Raises ConfigError, TableError for what no board can have."""
    blocks, sensors = len(head[0].cell_mv), len(head[0].temperature_ddegc)
    if blocks % series:
        raise ConfigError(
            f"--cells-in-series {series}: the table has {blocks} cell voltages, which is no multiple of it"
        )
    if blocks > MAX_BLOCKS or sensors > MAX_SENSORS:
        names = ", ".join(column.name for column in columns.get("cells", columns["voltage"])[:3])
        raise TableError(f"{blocks} cells ({names}, …), {sensors} sensors: a board has {MAX_BLOCKS} and {MAX_SENSORS}")
    sample_ms = options.sample_ms or _usual_step_ms(head)
    config: dict[str, int | str] = {
        "rated_capacity_mah": options.rated_capacity_mah,
        "cell_blocks": blocks,
        "strings": blocks // series,
        "sample_ms": sample_ms,
        "window_ms": max(WINDOW_MS, sample_ms),
        "temperature_sensors": sensors,
        "chemistry": options.chemistry,
    }
    for key in config.keys() & options.settings.keys():
        raise ConfigError(f"--setting {key}: comes from the table or from an option of its own; leave this one out")
    return config | dict(options.settings)


def _usual_step_ms(rows: Sequence[Row]) -> int:
    steps = sorted(after.t_ms - before.t_ms for before, after in pairwise(rows))
    return min(max(steps[len(steps) // 2], LEAST_SAMPLE_MS), MOST_SAMPLE_MS)


def _run(options: ReplayOptions, config: Mapping[str, object], seen: Seen, rows: Iterable[Row]) -> list[Output]:
    """Each interpreter gets the same lines; what each says is in a file of its own."""
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            boards = [
                stack.enter_context(ReplayBoard(name, config, options.out / f"statements-{name}.jsonl"))
                for name in options.interpreters
            ]
            for row in _in_slots(rows, options.sample_ms, seen):
                seen.add(row)
                line = board_line(row)
                for board in boards:
                    board.feed(line)
            for board in boards:
                board.finish()
    except OSError as error:
        raise ConfigError(f"{error.filename or options.out}: cannot be written: {error.strerror}") from None
    return [Output(board.interpreter, board.output) for board in boards]


def _in_slots(rows: Iterable[Row], sample_ms: int | None, seen: Seen) -> Iterator[Row]:
    """As a board would sample that is slower than the table; a row may be a quarter of a slot early."""
    next_ms = 0
    for row in rows:
        if sample_ms and row.t_ms < next_ms - sample_ms // 4:
            seen.between += 1
            continue
        if sample_ms:
            next_ms = ((row.t_ms + sample_ms // 2) // sample_ms + 1) * sample_ms
        yield row


def board_line(row: Row) -> str:
    """A line of what firmware/replay.py reads."""
    values = (row.t_ms, row.current_ma, row.pack_mv, *row.cell_mv, *row.temperature_ddegc)
    return ",".join(["" if value is None else str(value) for value in values]) + "\n"


def _write(folder: Path, done: Replayed) -> None:
    picture = drawn(done)
    try:
        (folder / "replay.png").write_bytes(picture.png)
        (folder / "replay.html").write_text(page(done, picture.svg), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be written: {error.strerror}") from None
