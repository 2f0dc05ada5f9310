"""Two ends of ISO-TP joined by their frames, and one end under a rain of frames; prints what came of it."""

import sys

from logger.core.isotp import MAX_MESSAGE_BYTES, Receiver, Sender

ROUNDS = 20000


def chance(seed):
    while True:
        seed = (seed * 1103515245 + 12345) & 0x3FFFFFFF
        yield seed >> 8


def transfer(message, frame_bytes, block_size, st_min_ms):
    """What comes out, how many frames it took, and how long."""
    sender, receiver = Sender(frame_bytes), Receiver(block_size, st_min_ms)
    sender.send(message)
    found, frames, now_ms = None, 0, 0
    while sender.is_busy or found is None:
        frame = sender.frame(now_ms)
        if frame is not None:
            frames += 1
            found = receiver.take(frame, now_ms) or found
            sender.sent(now_ms)
        flow = receiver.flow_control()
        if flow is not None:
            sender.take(flow, now_ms)
        now_ms += 1
        assert now_ms < 100000, "it never ends"
    assert not receiver.dropped
    assert not sender.aborted
    return found, frames, now_ms


def pairs():
    count = 0
    for frame_bytes in (8, 12, 16, 20, 24, 32, 48, 64):
        for length in list(range(1, 90)) + [127, 128, 500, 1000, MAX_MESSAGE_BYTES]:
            message = bytes([(length + i) & 255 for i in range(length)])
            found, _, _ = transfer(message, frame_bytes, length % 5, length % 3)
            assert found == message, (frame_bytes, length)
            count += 1
    return count


def rain(seed):
    """Frames of any kind: whatever comes out was sent whole, or is as the rain would have it; the next one gets in."""
    numbers = chance(seed)
    receiver, sender = Receiver(), Sender()
    for now_ms in range(ROUNDS):
        data = bytes([next(numbers) & 255 for _ in range(next(numbers) % 10)])
        if next(numbers) & 1 and data:
            data = bytes([(0x10, 0x20, 0x21, 0x30)[next(numbers) & 3]]) + data[1:]
        message = receiver.take(data, now_ms)
        assert message is None or 0 < len(message) <= MAX_MESSAGE_BYTES
        sender.take(data, now_ms)
        if not sender.is_busy:
            sender.send(bytes(100))
        if sender.frame(now_ms) is not None:
            sender.sent(now_ms)
        receiver.flow_control()
        receiver.tick(now_ms)
        sender.tick(now_ms)
    receiver.tick(ROUNDS + 10000)
    assert receiver.take(b"\x03abc", ROUNDS + 10000) == b"abc"
    return receiver.dropped, sender.aborted


print(pairs(), *rain(int(sys.argv[1])))
