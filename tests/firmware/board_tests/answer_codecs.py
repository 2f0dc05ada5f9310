"""Answers questions about the firmware's codecs, a line each: a word and hexadecimal strings in, a line out."""

import sys
from binascii import hexlify, unhexlify

from logger.core import cbor, entries
from logger.core.link import FrameReceiver, encode_frame
from logger.core.merkle import Edge, leaf_hash


def text(content):
    return hexlify(content).decode()


def answer_cbor(content):
    """The same bytes again by decoding and encoding, or "refused"."""
    try:
        return text(cbor.encode(cbor.decode(content)))
    except cbor.CBORError:
        return "refused"


def answer_column(*values):
    return text(entries.encode_column([None if value == "-" else int(value) for value in values]))


def answer_roots(*leaves):
    """The root after each leaf, the edge having been carried through its bytes each time."""
    edge, roots = Edge(), []
    for entry in leaves:
        edge.append(leaf_hash(entry))
        edge = Edge.from_bytes(edge.to_bytes())
        roots.append(text(edge.root()))
    return " ".join(roots)


def answer_frame(kind_and_body):
    return text(encode_frame(kind_and_body[0], kind_and_body[1:]))


def answer_feed(*pieces):
    """The frames in the pieces, and how many were refused."""
    receiver = FrameReceiver()
    found = []
    for piece in pieces:
        found += [text(bytes([kind]) + body) for kind, body in receiver.feed(piece)]
    found.append(str(receiver.frames_refused))
    return " ".join(found)


for line in sys.stdin:
    word, *fields = line.split()
    if word == "column":
        print(answer_column(*fields))
    else:
        answer = {"cbor": answer_cbor, "roots": answer_roots, "frame": answer_frame, "feed": answer_feed}[word]
        print(answer(*[unhexlify(field.strip(".")) for field in fields]))
