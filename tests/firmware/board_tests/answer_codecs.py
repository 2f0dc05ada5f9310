"""Answers questions about the firmware's codecs, a line each: a word and hexadecimal strings in, a line out."""

import sys
from binascii import hexlify, unhexlify

from logger.core import cbor
from logger.core.link import FrameReceiver


def text(content):
    return hexlify(content).decode()


def answer_cbor(content):
    """The same bytes again by decoding and encoding, or "refused"."""
    try:
        return text(cbor.encode(cbor.decode(content)))
    except cbor.CBORError:
        return "refused"


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
    answer = {"cbor": answer_cbor, "feed": answer_feed}[word]
    print(answer(*[unhexlify(field.strip(".")) for field in fields]))
