"""Sums and products beyond a board's small integers, without the heap.

With words of 32 bits, MicroPython keeps an integer from -2^30 to 2^30 - 1 in the word itself; a larger one is an object
on the heap, made anew by every operation. What is added up in every sample slot must not make any. So a wide number is
a list of limbs of 15 bits, the least first, and never negative; every intermediate below stays under 2^30. Its owner
makes the list once, as long as the largest value needs: a value beyond it is an IndexError.
"""

LIMB_BITS = 15
_MASK = (1 << LIMB_BITS) - 1


def wide(limbs):
    """A wide number for values below 2^(15 * limbs)."""
    return [0] * limbs


def clear(number):
    for i in range(len(number)):
        number[i] = 0


def add(number, amount):
    """number += amount, from 0 to 2^30 - 2^15."""
    _add_at(number, 0, amount)


def add_product(number, a, b):
    """number += a * b, for a and b from 0 to 2^30 - 1."""
    a_low = a & _MASK
    a_high = a >> LIMB_BITS
    b_low = b & _MASK
    b_high = b >> LIMB_BITS
    _add_at(number, 0, a_low * b_low)
    _add_at(number, 1, a_low * b_high)
    _add_at(number, 1, a_high * b_low)
    _add_at(number, 2, a_high * b_high)


def add_scaled(number, other, factor):
    """number += other * factor, for a factor from 0 to 2^30 - 1; other is another wide number."""
    low = factor & _MASK
    high = factor >> LIMB_BITS
    for i in range(len(other)):
        if other[i]:
            _add_at(number, i, other[i] * low)
            _add_at(number, i + 1, other[i] * high)


def add_square(number, other):
    """number += other * other."""
    for i in range(len(other)):
        for j in range(len(other)):
            _add_at(number, i + j, other[i] * other[j])


def subtract(number, other):
    """number -= other, which is as long and not larger."""
    borrow = 0
    for i in range(len(number)):
        limb = number[i] - other[i] - borrow
        borrow = 1 if limb < 0 else 0
        number[i] = limb & _MASK


def is_less(number, other):
    """Whether number < other, which is as long."""
    for i in range(len(number) - 1, -1, -1):
        if number[i] != other[i]:
            return number[i] < other[i]
    return False


def divide(number, divisor):
    """number //= divisor, from 1 to 2^15."""
    rest = 0
    for i in range(len(number) - 1, -1, -1):
        part = rest << LIMB_BITS | number[i]
        number[i] = part // divisor
        rest = part % divisor


def value_of(number):
    """As an integer: on the heap where it is large."""
    value = 0
    for i in range(len(number) - 1, -1, -1):
        value = value << LIMB_BITS | number[i]
    return value


def _add_at(number, at, amount):
    # (2^15 - 1)^2, the largest product of two limbs, and a limb more are below 2^30
    while amount:
        amount += number[at]
        number[at] = amount & _MASK
        amount >>= LIMB_BITS
        at += 1
