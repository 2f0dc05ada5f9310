"""The native module of this processor, where there is one that works: logger/native has one for each architecture.

Decides by what the interpreter says it can load, and by one public key whose value is known: a file that loads and
computes something else must not sign. What is not there is no fault, and the portable signer works everywhere; REFUSAL
tells a person why it does.
"""

import sys
from binascii import unhexlify

# MicroPython's py/persistentcode.h numbers the architectures, here with the name of the file that each one can run: an
# ARM processor also runs the code of the smaller ones, and none of ours calls with floating-point numbers
_FILES = {
    2: "x64",
    4: "armv6m",
    5: "armv7m",
    6: "armv7m",  # armv7em
    7: "armv7emsp",
    8: "armv7emsp",  # armv7emdp
    11: "rv32imc",
}
_MORE_THAN_ALL_STEPS = 1000
# RFC 8032 §7.1 has no key for this seed; libsodium, OpenSSL and the portable signer agree on it
_SEED = bytes(32)
_PUBLIC = unhexlify("3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29")


def _loaded(architecture):
    """(module, None) or (None, why not)"""
    if architecture is None:
        return None, "no native signer for this interpreter"
    name = "packseal_ed25519_" + architecture
    try:
        try:
            module = __import__("logger.native." + name, None, None, ("run",))
        except ImportError:  # where the firmware is frozen, which a native module cannot be, it lies beside main.py
            module = __import__(name)
    except (ImportError, ValueError, MemoryError, OSError) as error:  # not there; of another version; no room
        return None, "native signer for " + architecture + ": " + (str(error) or repr(error))
    if _computed_public(module) != _PUBLIC:
        return None, "native signer for " + architecture + " computes wrongly"
    return module, None


def _computed_public(module):
    state = bytearray(module.STATE_BYTES)
    module.begin_public(state, _SEED)
    return module.run(state, b"", _MORE_THAN_ALL_STEPS)


ARCHITECTURE = _FILES.get(getattr(sys.implementation, "_mpy", 0) >> 10 & 15)
SIGNER, REFUSAL = _loaded(ARCHITECTURE)
