"""Runs the firmware: `main.py FOLDER`, the folder being what the board's module asks for. Wiring only.

With `--end-with-stdin` it ends when nobody holds the other end of standard input any more.
"""

import gc
import sys

import board as boards

from logger.core.link import BoardLink
from logger.core.logger import Logger
from logger.core.sectorlog import SectorLog, WrongLogError

IDLE_MS = 5  # how often the link is looked at when nothing else is to do

END_WITH_STDIN = "--end-with-stdin"


def set_up(folder, ends_with_stdin):
    """(board, logger, link), ready to run. Raises what a wrong state folder can be blamed for."""
    board = boards.Board(folder, ends_with_stdin)
    identity = board.keys.identity
    log = SectorLog(board.flash, identity.log_id, identity.disclosure_seed, identity.previous_id)
    firmware_hash = boards.firmware_hash(__file__.rpartition("/")[0] or ".")
    logger = Logger(board.config, log, board.keys, board.source, firmware_hash, board.reset_cause)
    return board, logger, BoardLink(logger)


def run(board, logger, link):
    unsent = b""
    while board.is_wanted():
        is_busy = logger.step(board.clock.elapsed_ms())
        link.feed(board.serial.read())
        unsent = unsent or link.next_frame() or b""
        if unsent:
            sent = board.serial.write(unsent)
            unsent = unsent[sent:]
            is_busy = is_busy or sent
        if not is_busy:
            wait_ms = board.clock.to_counter_ms(logger.ms_to_next_slot())
            board.sleep_ms(min(max(wait_ms, 0), IDLE_MS))


if __name__ == "__main__":
    options = sys.argv[2:]
    if len(sys.argv) < 2 or options not in ([], [END_WITH_STDIN]):
        print(f"usage: main.py FOLDER [{END_WITH_STDIN}]", file=sys.stderr)
        sys.exit(2)
    try:
        parts = set_up(sys.argv[1], bool(options))
    except (boards.ConfigError, WrongLogError, OSError) as error:
        print(f"packseal firmware: {error}", file=sys.stderr)
        sys.exit(2)
    gc.collect()
    run(*parts)
