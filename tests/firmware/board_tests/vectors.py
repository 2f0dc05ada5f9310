"""Reads a file of tests/vectors/, as the gateway's tests do, and prints as JSON what the firmware makes of it.

    vectors.py FILE QUESTION    QUESTION: a function below, answer_...

The answers have the shape of the vectors, so that test_vectors.py has only to compare. What the firmware refuses is
answered by "refused"; any other error ends this script.
"""

import json
import sys
from binascii import hexlify, unhexlify

from logger.core import cbor, cose, ed25519, entries
from logger.core.blinding import HMAC, blinded_steps, leaf_of, record_seed
from logger.core.keys import Ed25519Key
from logger.core.link import FrameReceiver, encode_frame
from logger.core.merkle import Edge
from logger.core.sampling import Sample, Window
from logger.core.steps import finish


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
    seed = unhexlify(vectors["disclosure_seed"])
    for entry in log_entries(vectors):
        is_blinded = entry[1] in entries.BLINDED
        blinded = text(finish(blinded_steps(entry, seed))) if is_blinded else None
        leaf = leaf_of(entry, seed)
        edge.append(leaf)
        edge = Edge.from_bytes(edge.to_bytes())
        roots = [text(root) for root in edge.roots]
        answers.append({"blinded": blinded, "leaf": text(leaf), "root": text(edge.root()), "edge": roots})
    return answers


def answer_salts(vectors):
    """Of every blinded entry that the vectors take apart: its seed, and the salts of fields and of cells."""
    answers = []
    for case in vectors["blinding"]:
        seed = record_seed(unhexlify(vectors["disclosure_seed"]), case["seq"])
        keyed, blocks = HMAC(seed), len(case.get("cells", {"salts": ()})["salts"])
        salts = [text(keyed.salt(bytes([key]))) for key in range(16)]
        cells = [text(keyed.salt(bytes([16, 0, block]))) for block in range(blocks)]
        answers.append([text(seed), salts, cells])
    return answers


def log_entries(vectors):
    return [unhexlify(step["entry"]) for step in vectors["steps"]]


# ---- entries


def answer_entries(vectors):
    """Each entry made again from what it says. Columns of cells and sensors come decoded on standard input."""
    columns = json.load(sys.stdin)
    return [text(rebuilt(vectors, cbor.decode(entry), columns)) for entry in log_entries(vectors)]


def rebuilt(vectors, entry, columns):
    kind, seq, boot, uptime_ms, body = entry
    if kind == entries.KEY and not seq:
        public, seed = unhexlify(vectors["board_public_key"]), unhexlify(vectors["disclosure_seed"])
        return entries.genesis(cose.ED25519, public, body[4], seed)
    if kind == entries.KEY:
        body = rotation_body(Ed25519Key(unhexlify(vectors["board_next_seed"])), unhexlify(vectors["log_id"]))
    elif kind == entries.BOOT:
        config = {"clock_rate": body[4], "cell_blocks": body[5], "strings": body[6], "rated_capacity_mah": body[7]}
        body = entries.boot_body(body[1], body[2], body[3], config)
    elif kind == entries.EVENT:
        body = entries.event_body(body[1], body[2], body.get(3), body.get(4))
    elif kind == entries.GAP:
        body = entries.gap_body(body[1], body[2], body[3][0], body[3][1])
    elif kind == entries.TIME:
        body = entries.time_body(unhexlify(vectors["time_receipt"]), body[2])
    elif kind == entries.ESTIMATE:
        body = entries.estimate_body(*[body.get(key) for key in range(1, 11)])
    elif kind == entries.WINDOW and str(seq) in columns:
        body = window_body(body, columns[str(seq)])
    return entries.encode(kind, seq, boot, uptime_ms, body)


def rotation_body(key, log_id):
    message = cose.message(key.algorithm, cose.ROTATION_PURPOSE, cose.possession_payload(key, log_id))
    return entries.rotation_body(key.algorithm, key.public, finish(key.sign_steps(message)))


def window_body(body, columns):
    cell_mv, temperature_ddegc = columns
    window, sample = Window(len(cell_mv), len(temperature_ddegc)), Sample(0, 0)
    sample.cell_mv, sample.temperature_ddegc = cell_mv, temperature_ddegc
    sample.soc_reported_cpct, sample.soh_reported_cpct = body.get(10), body.get(11)
    currents_ma, packs_mv = spread(body[4], body[2]), spread(body[5], body[2])
    for i in range(body[2]):
        sample.current_ma, sample.pack_mv = currents_ma[i], packs_mv[i]
        window.add(sample, 0)
    window.slots_missed, window.unavailable, window.missing = body.get(3, 0), body.get(12, 0), body.get(13, 0)
    return window.body(body[1], body.get(8), body[9], sample)


def spread(column, count):
    """So many values that have the mean, least and most of this column."""
    mean, least, most = entries.decode_column(column)
    values = [least, most] + [mean] * (count - 3)
    values.append(mean * count - sum(values))
    return values


# ---- what is signed


def answer_checkpoints(vectors):
    """Each checkpoint of the file signed again."""
    seed, wanted, answers = unhexlify(vectors["disclosure_seed"]), vectors["checkpoints"], []
    edge, progress = Edge(), entries.Progress()
    for entry in log_entries(vectors):
        edge.append(leaf_of(entry, seed))
        progress.note(entry)
        progress = entries.Progress.from_bytes(progress.to_bytes())
        for case in wanted:
            if case["size"] == edge.size:
                answers.append(text(checkpoint(vectors, case["key"], edge, progress)))
    return answers


def checkpoint(vectors, key_name, edge, progress):
    key = Ed25519Key(unhexlify(vectors["board_seed" if key_name == "board" else "board_next_seed"]))
    log_id = unhexlify(vectors["log_id"])
    payload = cose.checkpoint_payload(log_id, edge.size, edge.root(), progress.boot, progress.uptime_ms)
    signature = finish(key.sign_steps(cose.message(key.algorithm, cose.CHECKPOINT_PURPOSE, payload)))
    content = cose.sign1(key.algorithm, payload, signature)
    assert cose.checkpoint_root(content) == edge.root()
    return content


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
    except (cose.SignedError, ed25519.SignatureError):
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
answers.update({"checkpoints": answer_checkpoints, "receipt": answer_receipt, "link": answer_link})
answers["salts"] = answer_salts
with open(sys.argv[1]) as file:
    print(json.dumps(answers[sys.argv[2]](json.load(file))))
