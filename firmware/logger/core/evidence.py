"""How much an explanation weighs: logarithms and exponentials of integers, in 1/1024 of a natural unit (nat).

Weights alone depend on them: an error of a per cent in a weight moves no estimate.
"""

from logger.core.integers import isqrt

NAT = 1024
_FULL_BITS = 20
FULL_WEIGHT = 1 << _FULL_BITS
LEAST_WEIGHT = 1000  # a thousandth: what weighs less is left out
_LN_2 = 710  # in 1/1024
_PER_LN_2 = 1477
_FRACTION_BITS = 10


def logarithm(number):
    """ln(number) of an integer from 1, in 1/1024, within 0.002 nat."""
    bits = len(bin(number)) - 3
    rest = (number << _FULL_BITS) >> bits  # 1 to 2, times 2^20
    binary = bits << _FRACTION_BITS
    for digit in range(_FRACTION_BITS - 1, -1, -1):  # squaring shifts out one binary digit of the logarithm
        rest = (rest * rest) >> _FULL_BITS
        if rest >> (_FULL_BITS + 1):
            rest >>= 1
            binary += 1 << digit
    return binary * _LN_2 // NAT


def weight(score, best):
    """exp(score - best) times 2^20, within 0.3 %; scores in 1/1024, none above the best."""
    binary = (best - score) * _PER_LN_2 // NAT
    whole, part = binary >> _FRACTION_BITS, binary & ((1 << _FRACTION_BITS) - 1)
    # 2^-f for f from 0 to 1 is 1 - 0.656 f + 0.156 f^2, within 0.3 %
    return (FULL_WEIGHT - 672 * part + (160 * part * part >> _FRACTION_BITS)) >> min(whole, 2 * _FULL_BITS)


def surprise(count, sigmas):
    """Sixteen times the sum of `count` squared errors over their variances that lies this many sigmas above the
    mean."""
    return 16 * count + sigmas * isqrt(2 * 256 * count)
