"""Answers questions about the firmware's cryptography, one a line, on any interpreter.

The argument "native" or "portable" says which signer answers. Reads lines of words from standard input, byte strings in
hex, and prints one line for each:

    public SEED                       -> the public key
    sign SEED PUBLIC MESSAGE          -> the signature
    verify PUBLIC MESSAGE SIGNATURE   -> "good" or "bad: " and the reason
    sha512 MESSAGE                    -> the hash, by what this signer uses here
    sha512_plain MESSAGE, sha512_viper MESSAGE -> the hash by this compression function
    engines                           -> the compression functions there are
"""

import sys
from binascii import hexlify, unhexlify

from logger.core import sha512_plain
from logger.core.sha512 import portable_sha512_steps, sha512
from logger.core.signatures import SignatureError
from logger.core.steps import finish

if sys.argv[1] == "native":
    from logger.core.ed25519_native import public_key, sign, verify
    from logger.core.native import SIGNER

    sha512 = SIGNER.sha512
else:
    from logger.core.ed25519_portable import public_key, sign, verify

ENGINES = {"plain": sha512_plain}
if sys.implementation.name == "micropython":
    from logger.core import sha512_viper

    ENGINES["viper"] = sha512_viper


def verdict(public, message, signature):
    try:
        verify(public, message, signature)
    except SignatureError as error:
        return "bad: " + str(error)
    return "good"


def answer(question, *parts):
    if question == "engines":
        return " ".join(sorted(ENGINES))
    if question == "verify":
        return verdict(*parts)
    if question.startswith("sha512_"):
        engine = ENGINES[question[len("sha512_") :]]
        return hex_text(finish(portable_sha512_steps(engine.compress, parts)))
    function = {"public": public_key, "sign": sign, "sha512": sha512}[question]
    return hex_text(function(*parts))  # type: ignore[operator]  # functions of different arguments


def hex_text(content):
    return hexlify(content).decode()


for line in sys.stdin:
    name, *words = line.rstrip("\n").split(" ")
    print(answer(name, *[unhexlify(word) for word in words]))
