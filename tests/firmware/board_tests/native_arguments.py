"""Calls the native module with what its Python side never gives it: refused with an exception, memory left alone."""

from logger.core.native import SIGNER

seed, public, signature = bytes(32), bytes(32), bytes(64)
state = bytearray(SIGNER.STATE_BYTES)
WRONG_STATES = (
    None,
    1,
    "state",
    bytes(SIGNER.STATE_BYTES),
    state[1:],
    bytearray(),
    memoryview(bytearray(len(state) + 8))[1:-7],
)
WRONG_CALLS: list = [  # of functions and arguments
    (SIGNER.begin_public, (state, None)),
    (SIGNER.begin_public, (state, seed[1:])),
    (SIGNER.begin_sign, (state, seed, public + b"!")),
    (SIGNER.begin_sign, (state, seed, 7)),
    (SIGNER.begin_sign, (state, b"", public)),
    (SIGNER.begin_verify, (state, public, signature[:63])),
    (SIGNER.begin_verify, (state, [], signature)),
    (SIGNER.begin_verify, (state, public)),
    (SIGNER.run, (state, None, 1)),
    (SIGNER.run, (state, b"", "one")),
    (SIGNER.sha512, (3,)),
]
for wrong in WRONG_STATES:
    WRONG_CALLS += [
        (SIGNER.begin_public, (wrong, seed)),
        (SIGNER.begin_sign, (wrong, seed, public)),
        (SIGNER.begin_verify, (wrong, public, signature)),
        (SIGNER.run, (wrong, b"", 1)),
        (SIGNER.forget, (wrong,)),
    ]

refused = 0
for function, arguments in WRONG_CALLS:
    try:
        function(*arguments)
    except (TypeError, ValueError):
        refused += 1
print(refused, len(WRONG_CALLS))

state[:] = bytes(len(state))  # a state that nobody has begun: nothing secret, and no result that means anything
SIGNER.run(state, b"message", 300)
print("alive")
