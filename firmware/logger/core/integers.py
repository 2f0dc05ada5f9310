"""What integers lack: division to the nearest, and the square root."""


def rounded(total, count):
    """total / count, to the nearest integer; a half goes up."""
    return (2 * total + count) // (2 * count)


def isqrt(number):
    """The integer square root (Newton's method)."""
    if number < 2:
        return number
    root = 1 << (len(bin(number)) - 1) // 2  # not below the root, so the steps fall
    while True:
        closer = (root + number // root) // 2
        if closer >= root:
            return root
        root = closer
