"""Signs one message and prints the signature, for runs with a small heap.

With the argument "heap" it prints instead how many bytes stay allocated after the imports, and the most that are in use
beside them between two steps. That needs MicroPython.
"""

import gc
import sys
from binascii import hexlify

IS_HEAP_ASKED = len(sys.argv) > 1
SEED = bytes(range(32))
MESSAGE = bytes(150)


def allocated_bytes():
    gc.collect()
    return gc.mem_alloc() if IS_HEAP_ASKED else 0


before_bytes = allocated_bytes()

from logger.core.ed25519 import public_key, sign_steps  # noqa: E402 (what the import takes is measured)

public = public_key(SEED)
resident_bytes = allocated_bytes() - before_bytes
live_bytes = 0
value = None
for value in sign_steps(SEED, public, MESSAGE):  # noqa: B007 (the last value is the signature)
    live_bytes = max(live_bytes, allocated_bytes() - before_bytes - resident_bytes)
print(f"{resident_bytes} {live_bytes}" if IS_HEAP_ASKED else hexlify(value).decode())
