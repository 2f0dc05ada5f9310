"""The compression function of SHA-512 in plain Python: for ports that cannot compile viper, and as the slow reference.

On a Cortex-M one block is 3 million instructions, 40 times the viper version.
"""

from struct import unpack

_MASK = (1 << 64) - 1


def compress(state, block, constants):
    """Mixes one block of 128 bytes into the state, array("Q") of 8 (FIPS 180-4 §6.4.2); constants: the 80 K."""
    words = list(unpack(">16Q", block))
    a, b, c, d, e, f, g, h = state
    for t in range(80):
        if t >= 16:
            _extend_schedule(words, t)
        sigma = _rotated(e, 14) ^ _rotated(e, 18) ^ _rotated(e, 41)
        t1 = h + sigma + (g ^ (e & (f ^ g))) + constants[t] + words[t & 15]
        sigma = _rotated(a, 28) ^ _rotated(a, 34) ^ _rotated(a, 39)
        t2 = sigma + ((a & b) | (c & (a | b)))
        a, b, c, d, e, f, g, h = (t1 + t2) & _MASK, a, b, c, (d + t1) & _MASK, e, f, g
    for i, value in enumerate((a, b, c, d, e, f, g, h)):
        state[i] = (state[i] + value) & _MASK


def _extend_schedule(words, t):
    """Writes W[t] over W[t-16], which no later round needs (FIPS 180-4 §6.4.2 step 1, kept as a ring of 16)."""
    older, newer = words[t + 1 & 15], words[t + 14 & 15]
    sigma0 = _rotated(older, 1) ^ _rotated(older, 8) ^ older >> 7
    sigma1 = _rotated(newer, 19) ^ _rotated(newer, 61) ^ newer >> 6
    words[t & 15] = (words[t & 15] + sigma0 + words[t + 9 & 15] + sigma1) & _MASK


def _rotated(word, count):
    return (word >> count | word << 64 - count) & _MASK
