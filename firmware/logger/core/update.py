"""A new firmware for the board: taken in pieces, checked, and offered for a trial (slots.py).

A package is

    length of the manifest (2 bytes) ‖ manifest ‖ for each file, in order of path:
    length of the path (1 byte) ‖ path ‖ length of the content (4 bytes) ‖ content

with lengths in big-endian order. The manifest is a COSE_Sign1 like an operator's order (docs/record.md section 5), by
the update key in the board's configuration, for the purpose "packseal/update/1", over
[1, board, [major, minor, patch], firmware_hash, files, bytes]: firmware_hash is that of BOOT key 1 over the files, and
so names every path and every content; bytes is the length of all that follows the manifest.

What is refused leaves the running firmware and its slot untouched. The other slot is written over only once the
manifest has been verified. Pieces come by any way and in any order; only the one that is wanted next has an effect. A
power cut ends the taking: it starts anew.

Who brings a package need not be a friend (docs/link.md clauses 16 to 19). While one giver's pieces come, nobody else's
count; and the other slot is written over once an hour at most, so that nobody can wear the flash out.
"""

from logger.core import cbor, cose, ed25519, slots

PURPOSE = b"packseal/update/1"
MAX_MANIFEST_BYTES = 512
MAX_PIECE_BYTES = 960  # what a frame of the link holds beside its offset
MAX_FILES = 250
MAX_PACKAGE_BYTES = 1 << 20
MAX_PATH_BYTES = 64
MAX_VERSION = 255
STALE_MS = 60000  # a package without a piece for so long may be given up for another one
WRITE_PERIOD_MS = 3600000  # from one writing over of the other slot to the next, but for starts
_FILE_HEAD_BYTES = 5
_PATH_LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789_/."
_TYPES = (int, str, list, bytes, int, int)
_VERSION_TYPES = (int, int, int)

# what has become of a package: docs/record.md, EVENT 8, value; the others are for the link alone (docs/link.md)
TAKING = 0
PROVEN, FAILED_START, BAD_SIGNATURE, BAD_CONTENT, NOT_NEWER, WRONG_BOARD, NO_ROOM = range(1, 8)
READY, NOT_NOW = 8, 9  # and 10 in link.py


class UpdateRefusedError(Exception):
    """The package's maker is at fault, or the board is not ready for it: `reason`."""

    def __init__(self, reason):
        super().__init__(reason)
        self.reason = reason


class Manifest:
    """A manifest that decodes and names the update key, not yet verified, as with cose.Receipt."""

    def __init__(self, content, update_key):
        """Raises UpdateRefusedError."""
        try:
            fields, self.message, self.signature = cose.opened(content, PURPOSE, update_key, _TYPES)
            self.board, version, self.firmware_hash, self.files, self.package_bytes = fields
            self.version = tuple(cbor.items(version, _VERSION_TYPES))
        except (cose.SignedError, cbor.CBORError):
            raise UpdateRefusedError(BAD_SIGNATURE) from None
        is_whole = len(self.firmware_hash) == 32 and 0 < self.files <= MAX_FILES
        if not is_whole or not 0 <= min(self.version) <= max(self.version) <= MAX_VERSION:
            raise UpdateRefusedError(BAD_SIGNATURE)


class Update:
    """Readable attributes: `wanted`, the offset of the next piece; `state`, TAKING, READY or why it was refused;
    `firmware_hash` and `version` of the package, once its manifest has been verified; `refusals`, how many packages
    were refused, and `refusal`, (state, version) of the last; `is_hungry`, whether it waits for a piece.
    """

    def __init__(self, settings, files, slot_table, running, hash_steps):
        """settings: update_key (32 bytes or None), board (its name), version and firmware_hash (what runs),
        oldest_version (what may be gone back to, or None). running: the slot that runs. hash_steps(files, folder,
        paths): see drivers/files.py."""
        self._settings = settings
        self._files = files
        self._slots = slot_table
        self._slot = slots.other(running)
        self._running = running
        self._hash_steps = hash_steps
        self._work = None
        self._now_ms = self._fed_ms = self._next_write_ms = 0
        self.refusals = 0
        self.refusal = None
        self._begin(None)

    def _begin(self, giver):
        if self._work is not None:
            self._work.close()  # with the file that it has open
            self._work = None
        self._giver = giver
        self.wanted = 0
        self.state = TAKING
        self.version = self.firmware_hash = None
        self._piece = b""
        self._at = 0  # what of the piece has been taken
        self.is_hungry = True

    def offer(self, offset, piece, giver=None):
        """A piece of the package. One for offset 0 begins anew; but whoever has begun goes on alone while he does."""
        if not self.is_hungry or not 0 < len(piece) <= MAX_PIECE_BYTES or self.state == READY:
            return
        is_kept = self._work is not None and self._now_ms - self._fed_ms < STALE_MS
        if is_kept and (giver is not self._giver or not offset):
            return
        if not offset:
            self._begin(giver)
            self._work = self._steps()
        if offset == self.wanted and self._work is not None:
            self._giver, self._fed_ms = giver, self._now_ms
            self._piece, self._at = bytes(piece), 0
            self.is_hungry = False
            self.wanted += len(piece)

    def report(self):
        """The body of UPDATE_STATE (docs/link.md clause 17)."""
        return [self.wanted, self.state, self._settings["firmware_hash"], self.firmware_hash]

    def step(self, now_ms):
        """A line of the main loop: a little of what is to be done. True when there is more."""
        self._now_ms = now_ms
        if self._work is None or self.is_hungry:
            return False
        try:
            next(self._work)
        except StopIteration:
            self._end(READY)
        except UpdateRefusedError as refused:
            self._end(refused.reason)
        except (OSError, MemoryError):
            self._end(NO_ROOM)
        return self._work is not None and not self.is_hungry

    def _end(self, state):
        self._work = None
        self.is_hungry = True
        self._piece = b""
        self.wanted = 0
        self.state = state
        if state not in (READY, NOT_NOW):  # the log has no word for that one (docs/record.md, EVENT 8)
            self.refusals += 1
            self.refusal = state, self.version

    def _steps(self):
        manifest = yield from self._manifest_steps()
        self._next_write_ms = self._now_ms + WRITE_PERIOD_MS
        self._slots.withdraw()
        yield
        yield from self._clear_steps()
        last = ""
        left = manifest.package_bytes
        for _ in range(manifest.files):
            last, file_bytes = yield from self._file_steps(last, left)
            left -= file_bytes
        if left or self._at < len(self._piece):
            raise UpdateRefusedError(BAD_CONTENT)
        paths = yield from self._files.names_steps(self._slot)  # what the file system holds is what will run
        found = yield from self._hash_steps(self._files, self._slot, paths)
        if found != manifest.firmware_hash:
            yield from self._clear_steps()  # or a start that finds the other slot damaged would run it (loader.py)
            raise UpdateRefusedError(BAD_CONTENT)
        yield
        self._slots.offer(self._slot)

    def _manifest_steps(self):
        settings = self._settings
        if settings["update_key"] is None:
            raise UpdateRefusedError(BAD_SIGNATURE)
        if self._slots.trial == self._running or self._now_ms < self._next_write_ms:
            raise UpdateRefusedError(NOT_NOW)  # on trial itself: there would be nothing left to go back to
        length = int.from_bytes((yield from self._take_steps(2)), "big")
        if length > MAX_MANIFEST_BYTES:
            raise UpdateRefusedError(BAD_SIGNATURE)
        manifest = Manifest((yield from self._take_steps(length)), settings["update_key"])
        try:
            for _ in ed25519.verify_steps(settings["update_key"], manifest.message, manifest.signature):
                yield
        except ed25519.SignatureError:
            raise UpdateRefusedError(BAD_SIGNATURE) from None
        self.firmware_hash = manifest.firmware_hash
        if manifest.board != settings["board"]:
            raise UpdateRefusedError(WRONG_BOARD)
        self.version = manifest.version
        oldest = settings["oldest_version"]
        if manifest.version <= settings["version"] and (oldest is None or manifest.version < oldest):
            raise UpdateRefusedError(NOT_NEWER)
        if manifest.package_bytes > MAX_PACKAGE_BYTES:
            raise UpdateRefusedError(NO_ROOM)
        return manifest

    def _clear_steps(self):
        for name in (yield from self._files.names_steps(self._slot)):
            yield
            self._files.remove(self._slot + "/" + name)
        yield

    def _file_steps(self, last, left):
        """(path, bytes of the package it took)."""
        if left <= _FILE_HEAD_BYTES:
            raise UpdateRefusedError(BAD_CONTENT)
        path = yield from self._take_steps((yield from self._take_steps(1))[0])
        length = int.from_bytes((yield from self._take_steps(4)), "big")
        taken = _FILE_HEAD_BYTES + len(path) + length
        if taken > left or not _is_path(path):
            raise UpdateRefusedError(BAD_CONTENT)
        name = path.decode()
        if name <= last:
            raise UpdateRefusedError(BAD_CONTENT)
        file = self._files.create(self._slot + "/" + name)
        try:
            while length:
                yield  # each of these may erase a sector, and a sample may be due
                part = yield from self._some_steps(length)
                file.write(part)
                length -= len(part)
            yield
        finally:
            file.close()
        yield
        return name, taken

    def _take_steps(self, count):
        taken = b""
        while len(taken) < count:
            taken += yield from self._some_steps(count - len(taken))
        return taken

    def _some_steps(self, most):
        """The next bytes of the package: one at least, `most` at most."""
        while self._at == len(self._piece):
            self.is_hungry = True
            yield
        part = self._piece[self._at : self._at + most]
        self._at += len(part)
        return part


def _is_path(path):
    """Relative, of few letters, a Python file: nothing that leads out of a slot."""
    if not 0 < len(path) <= MAX_PATH_BYTES or b".." in path or b"//" in path or path[0] in b"/.":
        return False
    if not path.endswith((b".py", b".mpy")):
        return False
    return all(letter in _PATH_LETTERS for letter in path)
