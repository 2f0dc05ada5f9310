"""Runs the firmware: `main.py FOLDER`, the folder being what the board's module asks for. Wiring only.

With `--end-with-stdin` it ends when nobody holds the other end of standard input any more.
"""

import gc
import sys

import board as boards

from logger.core.link import BoardLink, SerialLine
from logger.core.logger import Logger
from logger.core.progress import Progress, Watch
from logger.core.sectorlog import SectorLog, WrongLogError

IDLE_MS = 5  # how often the link is looked at when nothing else is to do

END_WITH_STDIN = "--end-with-stdin"


def set_up(folder, ends_with_stdin=False, slot=None):
    """(board, logger, link), ready to run. slot: the one this firmware was started from, where the board has two
    (core/slots.py). Raises what a wrong state folder can be blamed for."""
    board = boards.Board(folder, ends_with_stdin)
    board.feed_watchdog()  # from here on it runs; what follows takes seconds on a slow board
    identity = board.keys.identity
    log = SectorLog(board.flash, identity.log_id, identity.disclosure_seed, identity.previous_id)
    board.feed_watchdog()
    firmware_hash = boards.firmware_hash(__file__.rpartition("/")[0] or ".")
    board.feed_watchdog()
    logger = Logger(board.config, log, board.keys, board.source, firmware_hash, board.reset_cause)
    logger.config_refused = int(board.is_config_refused)
    board.chores = [Watch(Progress(logger, board.config), board.feed_watchdog)]
    if board.config.get("chemistry") or board.config.get("curve_family"):
        board.chores.append(_learnt(board, logger))
    if slot is not None:
        board.chores += _update_chores(board, logger, slot, firmware_hash)
    return board, logger, BoardLink(logger)


def _learnt(board, logger):
    """Where no capacity is estimated, its code takes no memory."""
    from logger.core.learnt import Learnt

    return Learnt(board.files, logger, board.config, board.say)


def _update_chores(board, logger, slot, firmware_hash):
    """Where there are no slots, their code takes no memory."""
    from logger.core.slots import Slots
    from logger.core.trial import Trial
    from logger.core.update import Update
    from logger.core.update_file import UpdateFile
    from logger.core.version import VERSION
    from logger.drivers.files import firmware_hash_steps

    settings = {"update_key": board.config["update_public_key"], "board": boards.NAME, "version": VERSION}
    settings["oldest_version"], settings["firmware_hash"] = board.config["oldest_version"], firmware_hash
    slot_table = Slots(board.files)
    update = logger.update = Update(settings, board.files, slot_table, slot, firmware_hash_steps)
    trial = Trial(logger, slot_table, slot, update, board.restart)
    return [update, UpdateFile(board.files, update, board.say), trial]


def run(board, logger, link):
    parts = [logger, board.source, SerialLine(link, board.serial)] + _can_lines(board, logger) + board.chores
    while board.is_wanted():
        is_busy = False
        for part in parts:
            is_busy = part.step(board.clock.elapsed_ms()) or is_busy
        if not is_busy:
            wait_ms = board.clock.to_counter_ms(logger.ms_to_next_slot())
            board.sleep_ms(min(max(wait_ms, 0), IDLE_MS))


def _can_lines(board, logger):
    """Beside the serial line, where the configuration has a table can_link; elsewhere its code takes no memory."""
    if "can_link" not in board.config:
        return []
    from logger.core.can_link import line_on

    return [line_on(board.can_hub, logger, board.config["can_link"])]


def start(folder, slot=None):
    """Runs for ever on a real board. Somebody at its console may end it; the loader sees to what follows."""
    board, logger, link = set_up(folder, slot=slot)
    gc.collect()
    try:
        run(board, logger, link)
    except KeyboardInterrupt:
        board.note_stop()
        raise


if __name__ == "__main__":
    options = sys.argv[2:]
    if len(sys.argv) < 2 or options not in ([], [END_WITH_STDIN]):
        print(f"usage: main.py FOLDER [{END_WITH_STDIN}]", file=sys.stderr)
        sys.exit(2)
    if hasattr(gc, "threshold"):
        gc.threshold(4096)  # as the loader of real boards does: a heap that is collected late is a heap in pieces
    try:
        parts = set_up(sys.argv[1], bool(options))
    except (boards.ConfigError, WrongLogError, OSError) as error:
        print(f"packseal firmware: {error}", file=sys.stderr)
        sys.exit(2)
    gc.collect()
    run(*parts)
