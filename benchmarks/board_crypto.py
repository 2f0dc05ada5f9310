"""The part of bench_board.py that runs in MicroPython: prints one line `name value` for each figure."""

import gc
from time import ticks_diff, ticks_us

gc.collect()
before_bytes = gc.mem_alloc()

from logger.core.ed25519 import public_key, sign_steps, verify_steps  # noqa: E402 (its heap is measured)
from logger.core.sha512 import compress, portable_sha512_steps  # noqa: E402
from logger.core.steps import finish  # noqa: E402

SEED = bytes(range(32))
MESSAGE = bytes(150)  # about a signed checkpoint
PUBLIC = public_key(SEED)
ROUNDS = 101
BLOCKS = 100


def median(values):
    return sorted(values)[len(values) // 2]


def step_times_us(start):
    """For each of ROUNDS runs of a cooperative function, how long each step took."""
    runs = []
    for _ in range(ROUNDS):
        times = []
        since = ticks_us()
        for _ in start():
            times.append(ticks_diff(ticks_us(), since))
            since = ticks_us()
        times.append(ticks_diff(ticks_us(), since))
        runs.append(times)
    return runs


def print_steps(name, start):
    runs = step_times_us(start)
    print(name + "_us", median([sum(times) for times in runs]))
    print(name + "_steps", len(runs[0]))
    print(name + "_longest_step_us", max([median(times) for times in zip(*runs)]))  # noqa: B905 (MicroPython's zip has no strict)


def block_us(engine, blocks):
    since = ticks_us()
    finish(portable_sha512_steps(engine, [bytes(128 * blocks - 17)]))
    return ticks_diff(ticks_us(), since) / blocks


def live_bytes(resident_bytes):
    """The most that is in use beside what the imports left, between two steps of a signature."""
    most = 0
    for _ in sign_steps(SEED, PUBLIC, MESSAGE):
        gc.collect()
        most = max(most, gc.mem_alloc() - resident_bytes)
    return most


gc.collect()
resident_bytes = gc.mem_alloc()
print("resident_bytes", resident_bytes - before_bytes)
print("live_bytes", live_bytes(resident_bytes))
for signature in sign_steps(SEED, PUBLIC, MESSAGE):  # noqa: B007 (the last value is the signature)
    pass
print_steps("sign", lambda: sign_steps(SEED, PUBLIC, MESSAGE))
print_steps("verify", lambda: verify_steps(PUBLIC, MESSAGE, signature))
print("sha512_us", median([block_us(compress, BLOCKS) for _ in range(11)]))

from logger.core.sha512_plain import compress as plain_compress  # noqa: E402

print("sha512_plain_us", median([block_us(plain_compress, BLOCKS // 10) for _ in range(11)]))
