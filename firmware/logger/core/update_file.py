"""A package that somebody has laid into the board's file system, `update.bin`: taken like one from the link.

So a tool at the console needs no way of its own into a slot, and what it brings is checked all the same.
"""

from logger.core.update import MAX_PIECE_BYTES, READY, TAKING

FILE = "update.bin"


class UpdateFile:
    """A line of the main loop (main.run). say(words) puts a line on the console."""

    def __init__(self, files, an_update, say):
        self._files = files
        self._update = an_update
        self._say = say
        self._is_there = files.has(FILE)
        self._offered = -1
        self.step(0)  # before any line has a turn: it has come first

    def step(self, now_ms):  # noqa: ARG002 - a line's interface
        """True while there is more to take."""
        if not self._is_there:
            return False
        update = self._update
        if not update.is_hungry:
            return True
        if update.state == TAKING and self._offered != update.wanted:
            self._offered = update.wanted
            update.offer(self._offered, self._files.read_part(FILE, self._offered, MAX_PIECE_BYTES), self)
        else:
            self._end()
        return self._is_there

    def _end(self):
        """It has an outcome, or ends too early."""
        self._is_there = False
        self._files.remove(FILE)
        state = self._update.state
        self._say(
            "update taken; restarting" if state == READY else f"update refused ({state}); see docs/record.md, EVENT 8"
        )
