"""Updates over the link (docs/link.md clauses 16 to 19), on a board with two slots in memory: `update_link.py TEST`.

`Site` is what lives on while boards start and end: flash, keys and files. Prints JSON.
"""

import json
import sys

from bench import Board, Gateway
from fuzz_link import NUMBERS, Chance
from memory_files import MemoryFiles
from memory_flash import MemoryFlash
from memory_keys import MemoryKeys
from update_cuts import KEY, OLD, OLDER, fill, hash_of, package

from logger.core import cbor, slots, update
from logger.core.link import UPDATE, UPDATE_STATE, BoardLink, FrameReceiver, encode_frame
from logger.core.trial import Trial
from logger.drivers.files import firmware_hash_steps

PIECE_BYTES = 512
NEW = {"main.py": b"new", "logger/core/log.py": b"new too" * 40, "logger/core/more.mpy": b"M" * 700}
NEW["logger/core/most.mpy"] = bytes(range(256)) * 16
GOOD = package(NEW)
SPOILT = GOOD[:-1] + b"X"
OLDER_ONE = package({"main.py": b"other"}, (0, 0, 9))
OTHERS = package(NEW, board="esp32")
STRANGER = package(NEW, seed=bytes(32))
VERSION, NEW_VERSION = (0, 1, 0), (0, 2, 0)


class RestartError(Exception):
    pass


class Site:
    """start() is a start of the board, whatever ended the life before."""

    def __init__(self, sample_ms=100, window_ms=2000, step_ms=5):
        self.flash = MemoryFlash(16, 4096)
        self.keys = MemoryKeys(self.flash)
        self.files = MemoryFiles()
        self._timing = (sample_ms, window_ms, 2, step_ms)
        self.events = []  # (outcome, version) of each EVENT 8
        self.slots_missed = 0
        self.most_operations = 0  # of the file system, in one turn of the main loop
        self.unkept_ms = 0  # what had been measured, and was not in the log, at the restart into the new one
        fill(self.files, "a", OLD)
        fill(self.files, "b", OLDER)
        self.start()

    def start(self):
        """The loader's part, and main.py's."""
        self.slots = slots.Slots(self.files)
        self.running = self.slots.begin()
        self.content = {name: self.files.read(self.running + "/" + name) for name in self.files.names(self.running)}
        board = self.board = Board(self.flash, *self._timing, keys=self.keys)
        settings = {"update_key": KEY, "board": "rp2", "version": VERSION, "oldest_version": None}
        settings["version"] = NEW_VERSION if self.content == NEW else VERSION
        settings["firmware_hash"] = hash_of(self.content)
        self.update = update.Update(settings, self.files, self.slots, self.running, firmware_hash_steps)
        board.logger.update = self.update  # type: ignore[assignment]  # None where there are no slots
        trial = Trial(board.logger, self.slots, self.running, self.update, self._restart)
        self.steps = [self.update.step, trial.step]
        board.logger.note_event = self._noted(board.logger.note_event)  # type: ignore[method-assign]

    def _noted(self, note_event):
        def noted(event, phase, value=None, place=None):
            note_event(event, phase, value, place)
            if event == 8:
                self.events.append((value, place))

        return noted

    def _restart(self):
        logger = self.board.logger
        assert not logger.has_work
        self.unkept_ms = logger.uptime_ms - logger.log.progress.uptime_ms
        raise RestartError

    def turn(self, gateways, links=None):
        """A turn of the main loop, with each gateway at its link."""
        board = self.board
        try:
            is_busy = board.logger.step(board.now_ms)
            for number, gateway in enumerate(gateways):
                link = links[number] if links else board.link
                frame = link.next_frame()
                link.feed(gateway.receive(frame or b""))
                is_busy = is_busy or bool(frame)
            before = self.files.operations
            for step in self.steps:
                is_busy = step(board.now_ms) or is_busy
            self.most_operations = max(self.most_operations, self.files.operations - before)
            board.now_ms += board.step_ms if is_busy else max(board.logger.ms_to_next_slot(), 1)
        except RestartError:
            self.slots_missed += board.logger.slots_missed
            self.start()

    def run(self, gateways, is_enough, turns=100000):
        for _ in range(turns):
            if is_enough():
                return
            self.turn(gateways)
        raise AssertionError("it does not come to an end")

    @property
    def is_proven(self):
        return self.slots.good == self.running and self.slots.trial == slots.NONE


class Updater(Gateway):
    """Takes the board's log, and brings it a package; keeps to clause 18."""

    def __init__(self, content, firmware_hash):
        super().__init__()
        self._content = content
        self._hash = firmware_hash
        self._updates = FrameReceiver()
        self.offsets = []
        self.states = []
        self.is_quiet = False

    def receive(self, content):
        answers = b""
        others = b""
        for kind, body in self._updates.feed(content):
            if kind == UPDATE_STATE:
                answers += self._next(*cbor.decode(body))
            else:
                others += encode_frame(kind, body)
                if kind == 1:  # HELLO
                    answers += encode_frame(UPDATE, cbor.encode([0, b""]))
        return super().receive(others) + answers

    def _next(self, wanted, state, running, offered):
        self.states.append(state)
        if state != update.TAKING or running == self._hash or self.is_quiet:
            return b""
        self.offsets.append(wanted)
        return encode_frame(UPDATE, cbor.encode([wanted, self._content[wanted : wanted + PIECE_BYTES]]))


def whole():
    """[slots missed at 10 Hz, most operations of the file system in a turn, milliseconds that the restart cost, events,
    the end of what was said of it]"""
    site, gateway = Site(), Updater(GOOD, hash_of(NEW))
    site.run([gateway], lambda: site.running == "b" and site.is_proven)
    assert site.content == NEW
    assert gateway.offsets == list(range(0, len(GOOD), PIECE_BYTES))
    assert gateway.status[7] == 0, "orders were refused"
    missed = site.slots_missed + site.board.logger.slots_missed
    return [missed, site.most_operations, site.unkept_ms, site.events, gateway.states[-2:]]


def refused():
    """{what: [state, events, does the old one run]}"""
    cases = {"spoilt": SPOILT, "older": OLDER_ONE, "another board's": OTHERS, "by another key": STRANGER}
    found = {}
    for name in cases:
        site, gateway = Site(), Updater(cases[name], b"")
        site.run([gateway], lambda: gateway.states and gateway.states[-1] != update.TAKING)  # noqa: B023 - at once
        for _ in range(20):
            site.turn([gateway])
        site.start()
        found[name] = [gateway.states[-1], site.events, site.content == OLD]
    return found


def power_cuts():
    """How many: behind each piece. The board begins anew, and gets there."""
    cuts = 0
    for pieces in range(1, len(GOOD) // PIECE_BYTES + 2):
        site, gateway = Site(sample_ms=500), Updater(GOOD, hash_of(NEW))
        site.run([gateway], lambda: len(gateway.offsets) >= pieces)  # noqa: B023
        site.start()
        assert site.content == OLD
        site.run([gateway], lambda: site.running == "b")  # noqa: B023
        assert site.content == NEW
        assert gateway.offsets[:pieces] == gateway.offsets[pieces : 2 * pieces]
        cuts += 1
    return cuts


def told_once():
    """How many refusals the log tells: after several, and an hour later."""
    site, gateway = Site(sample_ms=1000, window_ms=60000), Updater(GOOD, b"")
    gateway.is_quiet = True
    told = []
    for wait_ms in (1, 1, 1, 3600000, 1):
        refusals = site.update.refusals
        site.board.link.feed(encode_frame(UPDATE, cbor.encode([0, STRANGER[:PIECE_BYTES]])))
        site.run([gateway], lambda: site.update.refusals > refusals)  # noqa: B023
        for _ in range(20):
            site.turn([gateway])
        told.append(len(site.events))
        site.board.now_ms += wait_ms
    assert site.update.refusals == 5
    return told


def two_gateways():
    """[what is wanted once the second gateway has sent a piece of its own: at once, and when the first one has been
    silent for a minute]"""
    site, first = Site(sample_ms=500), Updater(GOOD, hash_of(NEW))
    links = (site.board.link, BoardLink(site.board.logger))
    while not site.update.wanted:
        site.turn([first], links)
    first.is_quiet = True
    began_ms, wanted = site.board.now_ms, []
    for duration_ms in (1000, update.STALE_MS + 1000):
        while site.board.now_ms < began_ms + duration_ms:
            site.turn([first], links)
        links[1].feed(encode_frame(UPDATE, cbor.encode([site.update.wanted, SPOILT[site.update.wanted :][:100]])))
        site.turn([first], links)
        wanted.append(site.update.wanted)
    return wanted


def no_slots():
    """[what it says, frames refused]"""
    board, gateway = Board(MemoryFlash(16, 4096), 1000, 10000, 4, 4), Updater(GOOD, hash_of(NEW))
    board.run(5000, gateway)
    board.link.feed(encode_frame(UPDATE, cbor.encode([0, GOOD[:PIECE_BYTES]])))
    board.run(5000, gateway)
    return [gateway.states, board.link.frames_refused]


def fuzz(rounds, seed):
    """Frames that no good gateway sends, most of them where they do most. Whatever escapes ends the script."""
    site, gateway, chance = Site(sample_ms=60000, window_ms=60000), Gateway(), Chance(seed)
    site.turn([gateway])
    states = {}
    for _ in range(rounds):
        wanted = site.update.wanted
        offset = chance.pick((wanted, wanted, wanted, wanted, 0, chance.pick(NUMBERS), chance.below(2000)))
        at = min(offset, len(GOOD))  # a slice takes no integer beyond a word
        piece = GOOD[at : at + chance.pick((0, 1, 100, 512, 512, 960))]
        if not chance.below(8) and piece:
            at = chance.below(len(piece))
            piece = piece[:at] + bytes([piece[at] ^ 1 << chance.below(8)]) + piece[at + 1 :]
        body = chance.pick(([offset, piece], [offset, piece], [offset, piece], chance.value(), [piece, offset]))
        site.board.link.feed(encode_frame(UPDATE, cbor.encode(body)))
        for _ in range(chance.below(200)):
            site.update.step(site.board.now_ms)
        site.board.now_ms += chance.pick((1, 1000, update.STALE_MS, update.WRITE_PERIOD_MS))
        state = site.update.state
        states[state] = states.get(state, 0) + 1
        held = {name: site.files.read("b/" + name) for name in site.files.names("b")}
        assert (site.slots.trial == "b") == (state == update.READY)
        assert state != update.READY or held == NEW
        assert site.slots.is_partial or held in (OLDER, NEW)
        assert sorted(OLD) == site.files.names("a")
        if state == update.READY:  # as if it had failed its trial
            fill(site.files, "b", OLDER)
            for name in set(NEW) - set(OLDER):
                site.files.remove("b/" + name)
            site.files.remove(slots.FILE)
            site.start()
    assert site.content == OLD
    return sorted(states)


tests = {"whole": whole, "refused": refused, "power_cuts": power_cuts, "two_gateways": two_gateways}
tests.update({"no_slots": no_slots, "told_once": told_once, "fuzz": lambda: fuzz(1500, int(sys.argv[2]))})
if __name__ == "__main__":
    print(json.dumps(tests[sys.argv[1]]()))
