"""What the native signer keeps and takes: working memory is allocated once, wiped after use, and holds no more secrets.

Prints the bytes of heap that stay after the import, the most in use beside them while signing and verifying in turns,
and the bytes of the working memory.
"""

import gc

SEED = bytes(range(32))
MESSAGE = bytes(150)
ROUNDS = 50


def allocated_bytes():
    gc.collect()
    return gc.mem_alloc()


before_bytes = allocated_bytes()

from logger.core import ed25519_native as signer  # noqa: E402 (what the import takes is measured)

free = signer._free
assert len(free) == 1
public = signer.public_key(SEED)
signature = signer.sign(SEED, public, MESSAGE)
resident_bytes = allocated_bytes() - before_bytes
live_bytes = 0


def drive(steps):
    global live_bytes  # noqa: PLW0603 (the sum of a script)
    value = None
    for value in steps:  # noqa: B007 (the last value is the signature)
        live_bytes = max(live_bytes, allocated_bytes() - before_bytes - resident_bytes)
    return value


for _ in range(ROUNDS):
    assert drive(signer.sign_steps(SEED, public, MESSAGE)) == signature
    drive(signer.verify_steps(public, MESSAGE, signature))
assert [any(state) for state in free] == [False], "a finished signature leaves its state wiped, and to be used again"

abandoned = signer.sign_steps(SEED, public, MESSAGE)
next(abandoned)
assert not free
abandoned.close()
assert [any(state) for state in free] == [False], "an abandoned one too"

state = free[0]
running = [signer.sign_steps(SEED, public, MESSAGE), signer.verify_steps(public, MESSAGE, signature)]
for steps in running:
    next(steps)
for steps in running:
    drive(steps)
assert len(free) == 2, "two at once have two states, and keep them"
assert any(kept is state for kept in free)
print(resident_bytes, live_bytes, len(state))
