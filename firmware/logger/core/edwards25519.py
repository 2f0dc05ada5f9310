"""Points of the curve edwards25519 (RFC 8032 §5.1) in big integers: the arithmetic below `ed25519`.

A point is a tuple (X, Y, Z, E, H) of extended coordinates: x = X/Z, y = Y/Z, x*y = T/Z (RFC 8032 §5.1.4), where T is
left as the product E*H, because a doubling does not need it. Numbers may be negative or above P between two
multiplications: additions are not reduced.

NOT CONSTANT TIME: Python's integers, the table index and the inverse take time that depends on the numbers. See
`ed25519` for what that means.
"""

from array import array

from logger.core.edwards25519_base import COLUMNS, ENTRY_BYTES, ROW_ENTRIES, ROWS, TABLE, TEETH

P = (1 << 255) - 19
L = (1 << 252) + 27742317777372353535851937790883648493  # order of the base point
D = 37095705934669439343138083508754565189542113879843219016388785533085940283555  # -121665/121666
SQRT_MINUS_1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752
NEUTRAL = (0, 1, 1, 0, 1)
_LOW_255_BITS = (1 << 255) - 1
_WINDOW_BITS = 5

# y of the points whose order divides 8; those of order 8 are the roots of D*y**4 + 2*y**2 = 1
_ORDER_8_Y = 55188659117513257062467267217118295137698188065244968500265048394206261417927
_SMALL_ORDER_Y = (1, P - 1, 0, _ORDER_8_Y, P - _ORDER_8_Y)

# z**(2**250 - 1) from runs of ones: z**(2**total - 1) is that of total - shift, raised to 2**shift, times that of shift
_RUNS_OF_ONES = ((2, 1), (4, 2), (5, 1), (10, 5), (20, 10), (40, 20), (50, 10), (100, 50), (200, 100), (250, 50))


def double(point):
    """2 * point: "dbl-2008-hwcd" for a = -1 (Hisil, Wong, Carter, Dawson 2008, §3.3)."""
    x, y, z, _, _ = point
    xx = x * x % P
    yy = y * y % P
    zz = z * z % P
    e = (x + x) * y % P
    g = yy - xx
    f = g - zz - zz
    h = -xx - yy
    return e * f % P, g * h % P, f * g % P, e, h


def add_cached(point, cached_point):
    """point + a point in the form of `cached`: "add-2008-hwcd-3" (ibid., §3.1)."""
    x, y, z, e, h = point
    y_plus_x, y_minus_x, t_2d, z_2 = cached_point
    a = (y - x) * y_minus_x % P
    b = (y + x) * y_plus_x % P
    c = (e * h % P) * t_2d % P
    d = z * z_2 % P if z_2 else z + z
    e = b - a
    f = d - c
    g = d + c
    h = b + a
    return e * f % P, g * h % P, f * g % P, e, h


def cached(point):
    """(y + x, y - x, 2*d*t, 2*z): what every addition of this point needs; for z = 1 the last may be None."""
    x, y, z, e, h = point
    return y + x, y - x, (e * h % P) * 2 * D % P, z + z


def negative(point):
    x, y, z, e, h = point
    return -x, y, z, -e, h


def multiply_base_steps(scalar):
    """scalar * B, for any scalar not negative. Yields None after 3 additions each, returns a point.

    A comb (Lim and Lee 1994) with signed digits: 255 digits of +1 or -1 whose sum with weights 2**i is the scalar
    modulo L, in 5 teeth of 3 rows of 17 columns; the rows share the doublings. 5 digits choose one of 16 points of the
    row's table or its negative, so no digit is 0 and no table holds a neutral element.
    """
    rows = _digit_rows(scalar)
    total = NEUTRAL
    for column in range(COLUMNS - 1, -1, -1):
        for row, teeth in enumerate(rows):
            total = add_cached(total, _table_entry(row, teeth, column))
        if column:
            total = double(total)
        yield
    return total


def _digit_rows(scalar):
    """For each row its teeth, highest first, as numbers of 17 bits: bit b stands for the digit 2*b - 1."""
    count = TEETH * ROWS * COLUMNS
    bits = (scalar + (1 << count) - 1) * (L + 1 >> 1) % L  # (L + 1)/2 is 1/2 modulo L
    shifts = range((TEETH - 1) * ROWS * COLUMNS, -1, -ROWS * COLUMNS)
    return [[bits >> COLUMNS * row + shift & (1 << COLUMNS) - 1 for shift in shifts] for row in range(ROWS)]


def _table_entry(row, teeth, column):
    """The table's point for the digits of one column of a row, in the form of `cached`."""
    index = 0
    for bits in teeth:
        index += index + (bits >> column & 1)
    is_positive = index >= ROW_ENTRIES
    if not is_positive:
        index = ~index  # all digits the other way round
    start = (row * ROW_ENTRIES + index % ROW_ENTRIES) * ENTRY_BYTES
    plus = int.from_bytes(TABLE[start : start + 32], "little")
    minus = int.from_bytes(TABLE[start + 32 : start + 64], "little")
    t_2d = int.from_bytes(TABLE[start + 64 : start + 96], "little")
    return (plus, minus, t_2d, None) if is_positive else (minus, plus, -t_2d, None)


def multiply_steps(scalar, point):
    """scalar * point by a sliding window over signed digits. Yields None after 4 doublings each, returns a point."""
    odd_multiples = _odd_multiples(point)
    yield
    digits = yield from _signed_digits_steps(scalar)
    total = NEUTRAL
    for i in range(len(digits) - 1, -1, -1):
        digit = digits[i]
        total = double(total)
        if digit > 0:
            total = add_cached(total, odd_multiples[digit >> 1])
        elif digit:
            plus, minus, t_2d, z_2 = odd_multiples[-digit >> 1]
            total = add_cached(total, (minus, plus, -t_2d, z_2))
        if not i & 3:
            yield
    return total


def _odd_multiples(point):
    """1, 3, 5, ... 15 times the point, each as add_cached wants it."""
    twice = cached(double(point))
    multiples = [cached(point)]
    while len(multiples) < 1 << _WINDOW_BITS - 2:
        point = add_cached(point, twice)
        multiples.append(cached(point))
    return multiples


def _signed_digits_steps(scalar):
    """Digits with weights 2**i that sum to the scalar: 0 or odd and within ±15, lowest first, as array("b")."""
    digits = array("b")
    while scalar:
        digit = 0
        if scalar & 1:
            digit = scalar & (1 << _WINDOW_BITS) - 1
            digit -= digit >> _WINDOW_BITS - 1 << _WINDOW_BITS
            scalar -= digit
        digits.append(digit)
        scalar >>= 1
        if not len(digits) & 31:
            yield
    return digits


def encode_steps(point):
    """The 32 bytes of a point (RFC 8032 §5.1.2). Yields None between parts of the division, returns bytes."""
    x, y, z, _, _ = point
    inverse = yield from _inverse_steps(z)
    return (y * inverse % P | (x * inverse % P & 1) << 255).to_bytes(32, "little")


def _inverse_steps(number):
    """1/number modulo P by the extended Euclidean algorithm: a fifth of the work of number**(P - 2)."""
    high, low, high_factor, low_factor = P, number % P, 0, 1
    steps = 0
    while low > 1:
        quotient, rest = divmod(high, low)
        high, low = low, rest
        high_factor, low_factor = low_factor, high_factor - quotient * low_factor
        steps += 1
        if not steps & 15:
            yield
    return low_factor


def decode_steps(encoded):
    """The point of 32 bytes, as libsodium reads it (y modulo P). Yields None; returns None if there is no such point.

    RFC 8032 §5.1.3: x = (u/v)**((p+3)/8) = u * v**3 * (u * v**7)**((p-5)/8), times sqrt(-1) where that is needed.
    """
    number = int.from_bytes(encoded, "little")
    y = number & _LOW_255_BITS
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    v3 = v * v * v % P
    x = u * v3 * (yield from _power_2_252_minus_3_steps(u * v3 * v3 * v % P)) % P
    if (v * x * x + u) % P == 0:
        x = x * SQRT_MINUS_1 % P
    if (v * x * x - u) % P:
        return None
    if x & 1 != number >> 255:
        x = -x
    return x, y, 1, x, y


def _power_2_252_minus_3_steps(base):
    runs = {1: base}
    for total, shift in _RUNS_OF_ONES:
        raised = yield from _squared_steps(runs[total - shift], shift)
        runs[total] = raised * runs[shift] % P
    raised = yield from _squared_steps(runs[250], 2)
    return raised * base % P


def _squared_steps(number, times):
    for i in range(times):
        number = number * number % P
        if not ~i & 15:
            yield
    return number


def is_canonical(encoded):
    """Whether y is below P; the sign of x is not looked at."""
    return int.from_bytes(encoded, "little") & _LOW_255_BITS < P


def has_small_order(encoded):
    """Whether these bytes, canonical or not, stand for a point whose order divides 8."""
    return (int.from_bytes(encoded, "little") & _LOW_255_BITS) % P in _SMALL_ORDER_Y
