"""An update whose power is cut at every operation of its file system; and updates that must be refused. Prints JSON.

After each cut the board starts again: what its loader then runs must be the old firmware or the new one, whole.
"""

import json
import sys

from memory_files import CutBlocks, MemoryFiles, littlefs
from memory_flash import ALL, GARBAGE, HALF, NOTHING, PowerCutError

from logger.core import cbor, cose, ed25519, slots, update
from logger.core.steps import finish
from logger.drivers.files import firmware_hash_steps

SEED = bytes(range(7, 39))
KEY = ed25519.public_key(SEED)
OLD = {"main.py": b"old", "logger/core/log.py": b"old too" * 30}
NEW = {"main.py": b"new", "logger/core/log.py": b"new too" * 40, "logger/core/more.mpy": b"M" * 700}
OLDER = {"main.py": b"older", "logger/gone.py": b"older"}
SETTINGS = {"update_key": KEY, "board": "rp2", "version": (0, 1, 0), "oldest_version": None, "firmware_hash": bytes(32)}


def package(content, version=(0, 2, 0), board="rp2", seed=SEED, **changes):
    """As gateway/packseal/apps/board_tools.py makes it."""
    body = b""
    for path in sorted(content):
        body += bytes([len(path)]) + path.encode() + len(content[path]).to_bytes(4, "big") + content[path]
    body += changes.get("tail", b"")
    fields = [1, board, list(version), hash_of(content), changes.get("files", len(content)), len(body)]
    payload = cbor.encode(fields)
    public = ed25519.public_key(seed)
    protected = cbor.encode({1: cose.ED25519, 4: cose.key_id(changes.get("named", public))})
    message = cbor.encode(["Signature1", protected, update.PURPOSE, payload])
    signature = changes.get("signature") or ed25519.sign(seed, public, message)
    manifest = cbor.encode(cbor.Sign1([protected, {}, payload, signature]))
    return len(manifest).to_bytes(2, "big") + manifest + body


def hash_of(content):
    return finish(
        firmware_hash_steps(MemoryFiles({"x/" + path: content[path] for path in content}), "x", list(content))
    )


def taken(files, content, piece_bytes=100, settings=SETTINGS, running="a"):
    """The update that has taken the package as far as it would."""
    taking = update.Update(settings, files, slots.Slots(files), running, firmware_hash_steps)
    taking.offer(0, content[:piece_bytes])
    idle = 0
    while taking.state == update.TAKING and idle < 3:
        if taking.step(0):
            idle = 0
        elif taking.state == update.TAKING:
            taking.offer(taking.wanted, content[taking.wanted : taking.wanted + piece_bytes])
            idle += 1
    return taking


def started(files):
    """(slot, its content) of a start."""
    slot = slots.Slots(files).begin()
    return slot, {name: files.read(slot + "/" + name) for name in files.names(slot)}


def fill(files, slot, content):
    for path in content:
        file = files.create(slot + "/" + path)
        file.write(content[path])
        file.close()


def cuts():
    """Of an emulated file system: (cuts, starts with the old one, starts with the new one)."""
    content = package(NEW)
    counts = [0, 0, 0]
    for tear in (NOTHING, HALF, GARBAGE, ALL):
        cut_at = 0
        while _cut(content, cut_at, tear, counts):
            cut_at += 1
    return counts


def _cut(content, cut_at, tear, counts):
    files = MemoryFiles()
    fill(files, "a", OLD)
    fill(files, "b", OLDER)
    files.operations = 0
    files.cut_at, files.tear = cut_at, tear
    try:
        taking = taken(files, content)
        started(files)
        slots.Slots(files).confirm()
    except PowerCutError:
        _check(files.powered_again(), content, counts)
        return True
    assert taking.state == update.READY
    return False


def _check(files, content, counts):
    """A start, and then: an old one takes the update again; a new one falls back when it never works."""
    counts[0] += 1
    slot, runs = started(files)
    assert runs in (OLD, NEW), runs
    counts[1 + (runs == NEW)] += 1
    if runs == OLD:
        table = slots.Slots(files)
        other = {name: files.read("b/" + name) for name in files.names("b")}
        assert table.is_partial or other in ({}, OLDER, NEW), "what nobody has checked might be started"
        assert taken(files, content, 960, running=slot).state == update.READY, table.trial
        slot, runs = started(files)
    assert runs == NEW
    table = slots.Slots(files)
    if table.trial != "-":
        while table.tries < slots.MAX_TRIES:
            assert started(files)[1] == NEW
            table = slots.Slots(files)
        assert started(files)[1] == OLD
        assert slots.Slots(files).has_failed


def on_littlefs():
    """The same on MicroPython's own littlefs, cut at every program and erase of its blocks."""
    content = package(NEW)
    counts = [0, 0, 0]
    for tear in (NOTHING, HALF, ALL):
        cut_at = 0
        while _cut_blocks(content, cut_at, tear, counts):
            cut_at += 1 if tear == HALF else 3
    return counts


def _cut_blocks(content, cut_at, tear, counts):
    files, blocks = littlefs()
    fill(files, "a", OLD)
    blocks.operations = 0
    blocks.cut_at, blocks.tear = cut_at, tear
    try:
        taking = taken(files, content)
        started(files)
        slots.Slots(files).confirm()
        is_through = taking.state == update.READY and blocks.operations <= cut_at
    except OSError:
        is_through = False
    if not is_through:
        _check(littlefs(CutBlocks(blocks.content))[0], content, counts)
    return not is_through


def refused():
    """{name: (state, does the old one run)}. Nothing of what is refused by its manifest touches the other slot."""
    good = package(NEW)
    of_other = {"main.py": b"other"}
    outcomes = {}
    cases = {
        "by another key": package(NEW, seed=bytes(32)),
        "names the key, by another": package(NEW, seed=bytes(32), named=KEY),
        "bad signature": package(NEW, signature=bytes(64)),
        "for another board": package(NEW, board="esp32"),
        "the same version": package(NEW, version=(0, 1, 0)),
        "an older version": package(NEW, version=(0, 0, 9)),
        "no manifest": b"\x00\x10" + bytes(200),
        "a manifest too long": b"\xff\xff" + bytes(900),
    }
    for name in cases:
        outcomes[name] = _refusal(cases[name], is_slot_kept=True)
    cases = {
        "a byte is another": good[:-1] + b"X",
        "a file too few": package(NEW, files=2),
        "a file too many": package(NEW, files=4),
        "bytes behind the last file": package(NEW, tail=b"tail"),
        "a path out of the slot": package({"../a/main.py": b"x"}),
        "an absolute path": package({"/main.py": b"x"}),
        "the state as a path": package({"slots.bin": b"x"}),
        "files out of order": swapped(),
    }
    for name in cases:
        outcomes[name] = _refusal(cases[name], is_slot_kept=False)
    older = dict(SETTINGS)
    older["oldest_version"] = (0, 0, 9)
    files = MemoryFiles()
    fill(files, "a", OLD)
    outcomes["an older version that may be gone back to"] = taken(files, package(of_other, (0, 0, 9)), 960, older).state
    none = dict(SETTINGS)
    none["update_key"] = None
    outcomes["no update key"] = taken(files, good, 960, none).state
    on_trial = MemoryFiles()
    fill(on_trial, "b", OLD)
    slots.Slots(on_trial).offer("b")
    outcomes["on trial itself"] = taken(on_trial, good, 960, running="b").state
    return outcomes


def swapped():
    """Well signed, the files in another order than the hash is over."""
    content = package(NEW)
    first = content.index(b"\x12logger/core/log.py")
    second = content.index(b"\x14logger/core/more.mpy")
    third = content.index(b"\x07main.py")
    return content[:first] + content[second:third] + content[first:second] + content[third:]


def _refusal(content, is_slot_kept):
    files = MemoryFiles()
    fill(files, "a", OLD)
    fill(files, "b", {"main.py": b"older"})
    taking = taken(files, content, 960)
    assert taking.refusals == (taking.state != update.TAKING)
    assert started(files) == ("a", OLD)
    assert (files.read("b/main.py") == b"older") == is_slot_kept
    assert sorted(files.content)[0:2] == ["a/logger/core/log.py", "a/main.py"]
    assert slots.Slots(files).trial == "-"
    return taking.state


def pieces():
    """Lost, repeated and strange pieces change nothing, nor do those of somebody else; a new beginning is one, in its
    time."""
    files = MemoryFiles()
    fill(files, "a", OLD)
    content = package(NEW)
    taking = update.Update(SETTINGS, files, slots.Slots(files), "a", firmware_hash_steps)
    taking.offer(50, b"before the beginning")
    assert taking.wanted == 0
    now_ms = 0
    for begun in (300, len(content)):
        taking.offer(0, content[:60])
        while taking.wanted < begun:
            while taking.step(now_ms):
                taking.offer(taking.wanted, b"while it works" * 20)
            taking.offer(0, content[:60])
            taking.offer(taking.wanted, b"")
            taking.offer(taking.wanted, b"somebody else's", "somebody else")
            taking.offer(taking.wanted + 1, b"from the future")
            taking.offer(max(taking.wanted - 1, 1), b"from the past")
            wanted = taking.wanted
            taking.offer(wanted, content[wanted : wanted + 60])
        while taking.step(now_ms):
            pass
        now_ms += update.WRITE_PERIOD_MS
        taking.step(now_ms)
    taking.offer(0, content[:60])
    return taking.state


def limits():
    """[state of a second package at once, and in an hour; whether somebody else may go on in a minute]"""
    files = MemoryFiles()
    fill(files, "a", OLD)
    spoilt = package(NEW)[:-1] + b"X"
    taking = update.Update(SETTINGS, files, slots.Slots(files), "a", firmware_hash_steps)
    states = []
    for now_ms in (0, 1, update.WRITE_PERIOD_MS - 1, update.WRITE_PERIOD_MS):
        taking.step(now_ms)
        taking.offer(0, spoilt[:400])
        for at in range(400, len(spoilt) + 400, 400):
            while taking.step(now_ms):
                pass
            taking.offer(at, spoilt[at : at + 400])
        states.append(taking.state)
    good = package(NEW)
    taking = update.Update(SETTINGS, files, slots.Slots(files), "a", firmware_hash_steps)
    taking.offer(0, good[:400], "one")
    for now_ms in (1, update.STALE_MS - 1, update.STALE_MS):
        while taking.step(now_ms):
            pass
        taking.offer(400, good[400:500], "another")
        states.append(taking.wanted)
    return states


runs = {"cuts": cuts, "littlefs": on_littlefs, "refused": refused, "pieces": pieces, "limits": limits}
if __name__ == "__main__":
    print(json.dumps(runs[sys.argv[1]]()))
