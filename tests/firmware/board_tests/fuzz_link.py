"""`fuzz_link.py ROUNDS SEED`: feeds a board frames that no gateway sends; prints the frames and receipts it refused.

Each round is one frame: of any kind with any bytes, with any CBOR, or with a good body of which one part is another
value or one bit another. Whatever escapes ends the script, with the frame that did it.
"""

import sys

from bench import Board, order_of, receipt_of
from memory_flash import MemoryFlash

from logger.core import cbor, cose
from logger.core.link import ASK, CHALLENGE, FRESH, ORDER, RECEIPT, UPDATE, WANT, cobs_encode, encode_frame

NUMBERS = (0, 1, 2, 23, 24, 255, 65536, (1 << 24) - 1, 1 << 24, (1 << 32) - 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)


class Chance:
    """The same numbers on every interpreter (the generator of C's rand)."""

    def __init__(self, seed):
        self._state = seed

    def below(self, limit):
        self._state = self._state * 1103515245 + 12345 & 0x7FFFFFFF
        return (self._state >> 12) % limit

    def pick(self, choices):
        return choices[self.below(len(choices))]

    def content(self, limit):
        return bytes([self.below(256) for _ in range(self.below(limit))])

    def value(self, depth=0):
        """Any value of the format."""
        kind = self.below(8 if depth < 4 else 5)
        if kind == 0:
            return None
        if kind in (1, 2):
            return self.pick(NUMBERS) * self.pick((1, 1, 1, -1))
        if kind == 3:
            return self.content(40)
        if kind == 4:
            return "".join([chr(32 + self.below(90)) for _ in range(self.below(9))])
        if kind == 5:
            keys = [self.pick(NUMBERS) for _ in range(self.below(4))]
            return {key: self.value(depth + 1) for key in keys}
        values = [self.value(depth + 1) for _ in range(self.below(7))]
        return values if kind == 6 else cbor.Sign1(values)


class Frames:
    """A kind and a body at a time. `receipt` is a good one, which is never among them."""

    def __init__(self, chance, receipt, order):
        self._chance = chance
        self._receipt = receipt
        self._order = order

    def next(self):
        kinds = (WANT, WANT, RECEIPT, RECEIPT, ASK, CHALLENGE, ORDER, ORDER, UPDATE, FRESH, self._chance.below(256))
        kind = self._chance.pick(kinds)
        body = self._body(kind)
        while body in (self._receipt, self._order):  # another value can be the same one
            body = self._body(kind)
        return kind, body

    def _body(self, kind):
        choice = self._chance.below(6)
        if choice == 0:
            return self._chance.content(200)
        if choice == 1:
            return cbor.encode(self._chance.value())
        if choice == 2:
            return self._with_another_bit(self._order if kind == ORDER else self._receipt)
        if kind == WANT:
            return cbor.encode(self._with_another_part([self._chance.below(9), self._chance.below(9), 1]))
        if kind in (CHALLENGE, FRESH):
            return self._chance.content(2)
        if kind == UPDATE:
            return cbor.encode(self._with_another_part([self._chance.below(9), self._chance.content(40)]))
        return self._changed(self._order if kind == ORDER else self._receipt)

    def _with_another_bit(self, content):
        at = self._chance.below(len(content))
        return content[:at] + bytes([content[at] ^ 1 << self._chance.below(8)]) + content[at + 1 :]

    def _with_another_part(self, parts):
        parts = list(parts)
        parts[self._chance.below(len(parts))] = self._chance.value()
        return parts

    def _changed(self, signed):
        protected, unprotected, payload, signature = cbor.decode(signed).parts
        if self._chance.below(2):
            return cbor.encode(cbor.Sign1(self._with_another_part([protected, unprotected, payload, signature])))
        payload = cbor.encode(self._with_another_part(cbor.decode(payload)))
        return cbor.encode(cbor.Sign1([protected, unprotected, payload, signature]))


def is_of_a_gateway(kind, body):
    """Whether docs/link.md has such a frame. What a RECEIPT or an ORDER says is another matter."""
    if kind in (WANT, UPDATE):
        try:
            value = cbor.decode(body)
        except cbor.CBORError:
            return False
        types = [int, int, int] if kind == WANT else [int, bytes]
        if not isinstance(value, list) or [type(item) for item in value] != types:
            return False
        if kind == UPDATE:
            return value[0] >= 0
        return 0 <= value[0] < 1 << 24 and 0 <= value[1] < 1 << 24 and 0 <= value[2] <= 1
    return kind in (RECEIPT, ORDER) or (kind == ASK and not body) or (kind in (CHALLENGE, FRESH) and len(body) == 16)


def feed(board, kind, body, is_torn):
    """The frame, all that it makes the board do, and what that makes it say. What is refused must be counted."""
    link, requests = board.link, board.logger.requests
    before = [link.frames_refused, requests.receipts_settled, requests.orders_refused]
    content = bytes([kind]) + body
    link.feed(cobs_encode(content) + b"\x00" if is_torn else encode_frame(kind, body))
    while board.logger.step(board.now_ms):
        link.next_frame()
    link.next_frame()
    assert link.frames_refused - before[0] == (is_torn or not is_of_a_gateway(kind, body))
    assert requests.receipts_settled - before[1] == (kind == RECEIPT and not is_torn)
    assert requests.orders_refused - before[2] == (kind == ORDER and not is_torn)
    assert not board.log.receipted_size, "a receipt was believed that is not the service's"


def main(rounds, seed):
    board = Board(MemoryFlash(8, 4096), 1000, 10000, 4, 4)
    board.run(50000)
    log, keys = board.log, board.keys.content
    size = log.checkpointed_size
    receipt = receipt_of(size, cose.checkpoint_root(log.checkpoint_of(size)))
    order = order_of(board.keys.identity, cose.ORDER_SEAL, 2)
    chance = Chance(seed)
    frames = Frames(chance, receipt, order)
    for number in range(rounds):
        kind, body = frames.next()
        try:
            feed(board, kind, body, is_torn=not chance.below(10))
        except Exception:
            print(f"round {number} of seed {seed}: kind {kind}, body {body.hex()}")
            raise
    assert board.keys.content == keys, "an order was obeyed that is not the operator's"
    board.link.feed(encode_frame(RECEIPT, receipt))
    board.run(5000)
    assert log.receipted_size == size, "the board does not listen any more"
    board.link.feed(encode_frame(ORDER, order))
    board.run(5000)
    assert log.is_sealed, "the board does not obey any more"
    print(board.link.frames_refused, board.logger.requests.receipts_refused, board.logger.requests.orders_refused)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
