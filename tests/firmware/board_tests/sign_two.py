"""Signs two messages in turns, a step of one and a step of the other, and prints both signatures."""

from binascii import hexlify

from logger.core.ed25519 import public_key, sign_steps

SEED = bytes(range(32))

public = public_key(SEED)
running = [sign_steps(SEED, public, message) for message in (b"first", b"the second")]
signatures = [None, None]
while None in signatures:
    for i, steps in enumerate(running):
        signatures[i] = signatures[i] or next(steps)
for signature in signatures:
    print(hexlify(signature).decode())
