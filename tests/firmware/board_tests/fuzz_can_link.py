"""`fuzz_can_link.py ROUNDS SEED`: a board on CAN under a rain of frames; prints the messages and frames it dropped.

Frames of any identifier and any bytes, many of them with the link's identifier and a head that ISO-TP knows, a mailbox
that is full every third time, beside a source that takes what is not the link's. Whatever escapes ends the script. At
the end the operator's order, in frames as a gateway sends them, must still be obeyed.
"""

import sys

from bench import SERVICE_SEED, Board, order_of
from memory_flash import MemoryFlash

from logger.core import cose
from logger.core.can_hub import CanHub
from logger.core.can_link import identifiers, line_on
from logger.core.isotp import Receiver, Sender
from logger.core.link import ASK, HELLO, ORDER, decode_message, encode_message

ADDRESS = 0xE0
FROM_BOARD, TO_BOARD = identifiers(ADDRESS)
HEADS = (0x02, 0x07, 0x0F, 0x10, 0x13, 0x1F, 0x20, 0x21, 0x22, 0x2F, 0x30, 0x31, 0x32, 0x33, 0x40, 0xF0)


class Chance:
    """The same numbers on every interpreter (the generator of C's rand)."""

    def __init__(self, seed):
        self._state = seed

    def below(self, limit):
        self._state = self._state * 1103515245 + 12345 & 0x7FFFFFFF
        return (self._state >> 12) % limit


class Controller:
    lost = 0

    def __init__(self, chance, max_data_bytes):
        self.max_data_bytes = max_data_bytes
        self.to_board = []
        self.from_board = []
        self.filters = None
        self.restarts = 0
        self.is_off = False
        self._chance = chance

    def set_filters(self, ids):
        self.filters = ids

    def state(self):
        return 3 if self.is_off else self._chance.below(3)

    def restart(self):
        self.restarts += 1

    def send(self, can_id, is_extended, data, is_fd=False):
        assert len(data) <= self.max_data_bytes
        assert is_fd == (len(data) > 8)
        if not self._chance.below(3):
            return False
        self.from_board.append((can_id, is_extended, bytes(data)))
        return True

    def receive(self):
        return self.to_board.pop(0) if self.to_board else None


class Gateway:
    """ISO-TP with the firmware's own ends: what is proven here is that the board has come through."""

    def __init__(self, controller):
        self._controller = controller
        self.sender = Sender(controller.max_data_bytes)
        self._receiver = Receiver(0, 0)
        self.kinds = []

    def step(self, now_ms):
        frames, self._controller.from_board = self._controller.from_board, []
        for can_id, _, data in frames:
            if can_id == FROM_BOARD:
                self.sender.take(data, now_ms)
                message = self._receiver.take(data, now_ms)
                if message is not None:
                    self.kinds.append(decode_message(message)[0])
        for frame in (self._receiver.flow_control(), self.sender.frame(now_ms)):
            if frame is not None:
                self._controller.to_board.append((TO_BOARD, True, frame))
                if frame[0] >> 4 != 3:
                    self.sender.sent(now_ms)
        assert len(self._controller.to_board) <= 2, "a small controller holds two frames"
        self.sender.tick(now_ms)
        self._receiver.tick(now_ms)


def frame_of(chance, max_data_bytes):
    data = bytes([chance.below(256) for _ in range(chance.below(max_data_bytes + 1))])
    if data and chance.below(4):
        data = bytes([HEADS[chance.below(len(HEADS))]]) + data[1:]
    if not chance.below(4):
        return (chance.below(1 << 29), True, data)
    return (TO_BOARD, bool(chance.below(8)), data)


def main(rounds, seed):
    chance = Chance(seed)
    board = Board(MemoryFlash(8, 4096), 1000, 10000, 4, 4)
    controller = Controller(chance, 64 if seed % 2 else 8)
    hub = CanHub(controller)
    bms = hub.view()
    bms.set_filters([(0x123, False)])
    line = line_on(hub, board.logger, {"address": ADDRESS, "live_ms": 100})
    assert controller.filters == [(0x123, False), (TO_BOARD, True)], "each of them hears what it needs"
    bms_frames = 0
    for _ in range(rounds):
        controller.to_board.append(frame_of(chance, controller.max_data_bytes))
        turn(board, line)
        while bms.receive():
            bms_frames += 1
        del controller.from_board[:]
    assert bms_frames > rounds // 8, "what is not the link's is the source's"
    assert not board.log.receipted_size
    assert not board.log.is_sealed
    dropped, refused = line.lost, line._link.frames_refused
    talk(board, controller, line)
    controller.is_off = True
    for _ in range(200):
        board.now_ms += 1000
        line.step(board.now_ms)
    assert controller.restarts == 2, "a controller that is off is started again, without haste"
    print(dropped, refused, bms_frames)


def turn(board, line):
    board.logger.step(board.now_ms - board.start_ms)
    line.step(board.now_ms)
    board.now_ms += 2


def talk(board, controller, line):
    """A gateway comes: the board says HELLO, and obeys the operator, and nobody else."""
    gateway = Gateway(controller)
    seal = order_of(board.keys.identity, cose.ORDER_SEAL, 2)
    stranger = order_of(board.keys.identity, cose.ORDER_SEAL, 2, SERVICE_SEED)
    for _ in range(1500):  # what the rain has begun breaks off
        turn(board, line)
    del controller.from_board[:]
    refused = board.logger.requests.orders_refused
    for message in (encode_message(ASK), encode_message(ORDER, stranger), encode_message(ORDER, seal)):
        gateway.sender.send(message)
        for _ in range(3000):
            gateway.step(board.now_ms)
            turn(board, line)
        assert not gateway.sender.is_busy
        assert not gateway.sender.aborted
    assert HELLO in gateway.kinds
    assert board.logger.requests.orders_refused == refused + 1
    assert board.log.is_sealed, "the board does not obey any more"


main(int(sys.argv[1]), int(sys.argv[2]))
