"""Reads a file of tests/vectors/, as the gateway's tests do, and prints as JSON what the firmware makes of it.

    vectors.py FILE QUESTION    QUESTION: a function below, answer_...

The answers have the shape of the vectors, so that test_vectors.py has only to compare. What the firmware refuses is
answered by "refused"; any other error ends this script.
"""

import json
import sys
from binascii import hexlify, unhexlify

from logger.core import cbor, cose, ed25519, entries
from logger.core.link import FrameReceiver, encode_frame
from logger.core.logger import Key
from logger.core.merkle import Edge, leaf_hash
from logger.core.sampling import Sample, Window


def text(content):
    return hexlify(content).decode()


def answer_cbor(vectors):
    refused = vectors["refused"]
    return {
        "accepted": [reencoded(unhexlify(item)) for item in vectors["accepted"]],
        "refused": {name: reencoded(unhexlify(refused[name])) for name in refused},
    }


def reencoded(content):
    try:
        return text(cbor.encode(cbor.decode(content)))
    except cbor.CBORError:
        return "refused"


def answer_columns(vectors):
    return [text(entries.encode_column(row["values"])) for row in vectors]


def answer_tree(vectors):
    """The edge is carried through its bytes after every entry, as over a restart."""
    edge, answers = Edge(), []
    for entry in log_entries(vectors):
        leaf = leaf_hash(entry)
        edge.append(leaf)
        edge = Edge.from_bytes(edge.to_bytes())
        roots = [text(root) for root in edge.roots]
        answers.append({"leaf": text(leaf), "root": text(edge.root()), "edge": roots})
    return answers


def log_entries(vectors):
    return [unhexlify(step["entry"]) for step in vectors["steps"]]


# ---- entries


def answer_entries(vectors):
    """Each entry made again from what it says. Columns, which boards only write, come decoded on standard input."""
    seed, columns = unhexlify(vectors["board_seed"]), json.load(sys.stdin)
    return [text(rebuilt(seed, cbor.decode(entry), columns)) for entry in log_entries(vectors)]


def rebuilt(seed, entry, columns):
    kind, seq, boot, uptime_ms, body = entry
    if kind == entries.KEY:
        return Key(seed, body[4]).genesis
    if kind == entries.BOOT:
        config = {"clock_rate": body[4], "cell_blocks": body[5], "strings": body[6], "rated_capacity_mah": body[7]}
        body = entries.boot_body(body[1], body[2], body[3], config)
    elif kind == entries.GAP:
        body = entries.gap_body(body[2], body[3][0], body[3][1])
    elif kind == entries.WINDOW and str(seq) in columns:
        body = window_body(body, columns[str(seq)])
    return entries.encode(kind, seq, boot, uptime_ms, body)


def window_body(body, columns):
    cell_mv, temperature_ddegc = columns
    window, sample = Window(len(cell_mv), len(temperature_ddegc)), Sample(0, 0)
    sample.cell_mv, sample.temperature_ddegc = cell_mv, temperature_ddegc
    currents_ma, packs_mv = spread(body[4], body[2]), spread(body[5], body[2])
    for i in range(body[2]):
        sample.current_ma, sample.pack_mv = currents_ma[i], packs_mv[i]
        window.add(sample, 0)
    window.slots_missed, window.unavailable = body.get(3, 0), body.get(12, 0)
    return window.body(body[1], body.get(8), body[9], sample)


def spread(mean_least_most, count):
    """So many values that have this mean, least and most."""
    mean, least, most = mean_least_most
    values = [least, most] + [mean] * (count - 3)
    values.append(mean * count - sum(values))
    return values


# ---- what is signed


def answer_checkpoint(vectors):
    log = log_entries(vectors)
    key = Key(unhexlify(vectors["board_seed"]), cbor.decode(log[0])[4][4])
    edge, progress = Edge(), entries.Progress()
    for entry in log:
        edge.append(leaf_hash(entry))
        progress.note(entry)
    log_id = leaf_hash(key.genesis)[:16]
    payload = cose.checkpoint_payload(log_id, edge.size, edge.root(), progress.boot, progress.uptime_ms)
    signature = ed25519.sign(key.seed, key.public, cose.checkpoint_message(payload))
    checkpoint = cose.checkpoint(payload, signature)
    assert cose.checkpoint_root(checkpoint) == edge.root()
    return {"board_public_key": text(key.public), "log_id": text(log_id), "checkpoint": text(checkpoint)}


def answer_receipt(vectors):
    """Verdicts: as it is, for another log and for another service, and with each of its bytes changed."""
    log_id, service = unhexlify(vectors["log_id"]), unhexlify(vectors["service_public_key"])
    good = unhexlify(vectors["receipt"])
    changed = [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in range(len(good))]
    return {
        "good": verdict(good, log_id, service),
        "others": [verdict(good, bytes(16), service), verdict(good, log_id, unhexlify(vectors["board_public_key"]))],
        "changed": [verdict(content, log_id, service) for content in changed],
    }


def verdict(content, log_id, service):
    try:
        receipt = cose.Receipt(content, log_id, service)
        ed25519.verify(service, receipt.message, receipt.signature)
    except (cose.ReceiptError, ed25519.SignatureError):
        return "refused"
    return [receipt.size, text(receipt.root)]


# ---- frames


def answer_link(vectors):
    return [
        {
            "frame": text(encode_frame(case["kind"], unhexlify(case["body"]))),
            "fed": fed_thrice(unhexlify(case["frame"])),
        }
        for case in vectors
    ]


def fed_thrice(frame):
    """The frames found, and how many were refused, in the frame whole, byte by byte, and with noise around it."""
    found = []
    for pieces in ([frame], [bytes([byte]) for byte in frame], [b"noise\x00" + frame + b"tail"]):
        receiver, frames = FrameReceiver(), []
        for piece in pieces:
            frames += [[kind, text(body)] for kind, body in receiver.feed(piece)]
        found.append([frames, receiver.frames_refused])
    return found


answers = {"cbor": answer_cbor, "columns": answer_columns, "tree": answer_tree, "entries": answer_entries}
answers.update({"checkpoint": answer_checkpoint, "receipt": answer_receipt, "link": answer_link})
with open(sys.argv[1]) as file:  # noqa: PTH123 (MicroPython has no pathlib)
    print(json.dumps(answers[sys.argv[2]](json.load(file))))
