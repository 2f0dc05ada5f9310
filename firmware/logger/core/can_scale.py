"""Bits of a CAN frame -> value in our units, as one scale of the table says (docs/can.md, "The table"), exactly.

value = base + round((w * multiplier + addend) / denominator), half to even, w being how far the field is above the
lowest raw value that gives a valid one. Everything is at least 0 until base is added, and no step takes from the heap:
where the product is small it is made at once, else bit by bit of w as long division does it.
"""

SCALE_BYTES = 60
MAX_SMALL = (1 << 30) - 1

_LIMB = 24  # of a field
_LIMB_MASK = (1 << _LIMB) - 1
_HALF = 28  # of a denominator
_HALF_MASK = (1 << _HALF) - 1
_FLIP_SIGN, _FLIP_ALL = 1, 2


class Scale:
    """Readable: `bits`, and `codes`, how many ranges of "not available" begin at `first_code` of the table's list."""

    def __init__(self, content, at):
        """Raises ValueError for numbers that measure and value could not keep small."""
        number = _numbers(content, at)
        self.bits, flips = content[at], content[at + 1]
        self.first_code, self.codes = number(2, 2), number(4, 2)
        lowest, span = number(8, 9), number(17, 9)
        whole = number(26, 4)
        rest, addend, denominator = [number(place, 4) | number(place + 4, 4) << _HALF for place in (30, 38, 46)]
        base = number(54, 4)
        self._base = base - (1 << 32) if base >> 31 else base
        self._base = -_small(-self._base) if self._base < 0 else _small(self._base)
        if not 1 <= self.bits <= 64 or flips > 3 or number(6, 2) or number(58, 2) or lowest + span >> self.bits:
            raise ValueError("a scale is of no field")
        if max(addend, rest) >= denominator or denominator >> 2 * _HALF or max(self._parts(number)) >> _HALF:
            raise ValueError("a scale is no fraction")
        multiplier = whole * denominator + rest
        greatest = (span * multiplier + addend) // denominator + 1
        if max(abs(self._base), greatest, greatest + self._base) > MAX_SMALL:
            raise ValueError("a scale leads to numbers that are too large")
        self._set(flips, lowest, span)
        self._set_arithmetic(multiplier, addend, denominator, span)

    def _parts(self, number):
        return [number(place, 4) for place in range(30, 54, 4)]

    def _set(self, flips, lowest, span):
        mask = (1 << self.bits) - 1 if flips & _FLIP_ALL else 0
        if flips & _FLIP_SIGN:
            mask ^= 1 << self.bits - 1
        self._mask0, self._mask1, self._mask2 = _limbs(mask)
        self._low0, self._low1, self._low2 = _limbs(lowest)
        self._span0, self._span1, self._span2 = _limbs(span)
        self._w0 = self._w1 = self._w2 = 0

    def _set_arithmetic(self, multiplier, addend, denominator, span):
        self._is_short = span * multiplier + addend + denominator <= MAX_SMALL
        if self._is_short:
            self._multiplier, self._addend = _small(multiplier), _small(addend)
            self._denominator = _small(denominator)
        whole, rest = divmod(multiplier, denominator)
        self._whole = _small(whole)
        self._rest0, self._rest1 = _small(rest & _HALF_MASK), _small(rest >> _HALF)
        self._addend0, self._addend1 = _small(addend & _HALF_MASK), _small(addend >> _HALF)
        self._denominator0, self._denominator1 = _small(denominator & _HALF_MASK), _small(denominator >> _HALF)
        self._quotient = self._r0 = self._r1 = 0

    def measure(self, data, byte, bit, step):
        """Takes the field whose lowest bit is at this bit of this byte. False where no valid value can come of it.

        step: 1 where higher bits are in the next byte, -1 where they are in the one before.
        """
        bits = self.bits
        w0 = (bits_at(data, byte, bit, step, bits if bits < _LIMB else _LIMB) ^ self._mask0) - self._low0
        w1 = w2 = 0
        if bits > _LIMB:
            bits -= _LIMB
            w1 = bits_at(data, byte + 3 * step, bit, step, bits if bits < _LIMB else _LIMB) ^ self._mask1
            if bits > _LIMB:
                w2 = bits_at(data, byte + 6 * step, bit, step, bits - _LIMB) ^ self._mask2
            w1 -= self._low1
            w2 -= self._low2
            if w0 < 0:
                w0 += 1 << _LIMB
                w1 -= 1
            if w1 < 0:
                w1 += 1 << _LIMB
                w2 -= 1
            if w2 < 0:
                return False
        self._w0, self._w1, self._w2 = w0, w1, w2
        if w2 != self._span2:
            return w2 < self._span2
        if w1 != self._span1:
            return w1 < self._span1
        return 0 <= w0 <= self._span0

    def small(self):
        """w of the field measured last, -1 where it has more than 30 bits."""
        return _NOT_SMALL if self._w2 or self._w1 >> 6 else self._w1 << _LIMB | self._w0

    def value(self):
        """Of the field measured last, which was valid."""
        if self._is_short:
            dividend = (self._w1 << _LIMB | self._w0) * self._multiplier + self._addend
            quotient = dividend // self._denominator
            rest = dividend - quotient * self._denominator
            other = self._denominator - rest
            if rest > other or (rest == other and (quotient + self._base) & 1):
                quotient += 1
            return self._base + quotient
        self._quotient = self._r0 = self._r1 = 0
        self._feed(self._w2)
        self._feed(self._w1)
        self._feed(self._w0)
        self._r0 += self._addend0
        self._r1 += self._addend1
        self._reduce()
        return self._base + self._quotient + self._is_up()

    def _feed(self, limb):
        """Divides on through the next 24 bits of w, the highest first."""
        place = _LIMB
        while place:
            place -= 1
            bit = limb >> place & 1
            if bit or self._quotient or self._r0 or self._r1:
                self._quotient *= 2
                self._r0 *= 2
                self._r1 *= 2
                if bit:
                    self._quotient += self._whole
                    self._r0 += self._rest0
                    self._r1 += self._rest1
                self._reduce()

    def _reduce(self):
        """Carries, and takes the denominator out of the rest while it goes: at most twice."""
        self._r1 += self._r0 >> _HALF
        self._r0 &= _HALF_MASK
        while self._r1 > self._denominator1 or (self._r1 == self._denominator1 and self._r0 >= self._denominator0):
            self._quotient += 1
            self._r0 -= self._denominator0
            self._r1 -= self._denominator1
            if self._r0 < 0:
                self._r0 += 1 << _HALF
                self._r1 -= 1

    def _is_up(self):
        """Whether the rest is more than half of the denominator, or half of it and the value odd."""
        twice1 = self._r1 * 2 + (self._r0 * 2 >> _HALF)
        twice0 = self._r0 * 2 & _HALF_MASK
        if twice1 != self._denominator1:
            return twice1 > self._denominator1
        if twice0 != self._denominator0:
            return twice0 > self._denominator0
        return (self._quotient + self._base) & 1


_NOT_SMALL = -1


def bits_at(data, byte, bit, step, count):
    """`count` bits, at most 24, from this bit of this byte of data upwards, going by `step` bytes."""
    value = data[byte] >> bit
    have = 8 - bit
    while have < count:
        byte += step
        more = data[byte]
        if have > 16:
            more &= (1 << count - have) - 1
        value |= more << have
        have += 8
    return value & (1 << count) - 1


def _numbers(content, at):
    """A function that reads the unsigned number of so many bytes at a place behind `at`."""
    return lambda place, size: int.from_bytes(content[at + place : at + place + size], "little")


def _limbs(number):
    return _small(number & _LIMB_MASK), _small(number >> _LIMB & _LIMB_MASK), _small(number >> 2 * _LIMB)


def _small(number):
    """The same, at most MAX_SMALL: MicroPython keeps what it has computed from large numbers as a large one, and then
    all that is computed from that, each time from the heap."""
    return int.from_bytes(number.to_bytes(4, "little"), "little")
