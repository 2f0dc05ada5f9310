"""Lower triangles of integers, a list of rows each one longer than the last: symmetric matrices and their roots.

Every function that takes long is a generator (steps.py) with a step a row. Entries carry their own scale, said by the
caller; results are rounded down, and no diagonal of a root is below 1, so that a variance never becomes nothing.
"""

from logger.core.integers import isqrt


def zeros(size):
    return [[0] * (i + 1) for i in range(size)]


def at(matrix, i, j):
    """Of a symmetric matrix."""
    return matrix[i][j] if i >= j else matrix[j][i]


def dot12(left, right):
    """The sum of twelve products. Spelt out it takes a third of a loop's time, and a fit does little else."""
    a, b, c, d, e, f, g, h, i, j, k, m = left
    n, o, p, q, r, s, t, u, v, w, x, y = right
    return a * n + b * o + c * p + d * q + e * r + f * s + g * t + h * u + i * v + j * w + k * x + m * y


def root_steps(matrix):
    """L with L L' = matrix (Cholesky); what is not positive counts as almost nothing.

    No row of a root is longer than the diagonal says. Rounding can leave a matrix that has none: the rows behind a
    pivot of almost nothing would then grow, each more than the last, into numbers of thousands of digits.
    """
    root = []
    for row in matrix:
        found = []
        longest = isqrt(max(row[-1], 0))
        for j in range(len(row)):
            rest = row[j]
            other = root[j] if j < len(root) else found
            for k in range(j):
                rest -= found[k] * other[k]
            if j < len(root):
                found.append(min(max(rest // other[j], -longest), longest))
            else:
                found.append(max(isqrt(max(rest, 0)), 1))
        root.append(found)
        yield
    return root


def square_steps(root):
    """L L'."""
    matrix = []
    for i in range(len(root)):
        left, row = root[i], []
        for j in range(i + 1):
            right, total = root[j], 0
            for k in range(j + 1):
                total += left[k] * right[k]
            row.append(total)
        matrix.append(row)
        yield
    return matrix


def solved(root, column):
    """y with L y = column."""
    y = []
    for i in range(len(root)):
        row, rest = root[i], column[i]
        for k in range(i):
            rest -= row[k] * y[k]
        y.append(rest // row[i])
    return y


def solved_transposed(root, column):
    """v with L' v = column."""
    v = list(column)
    for i in range(len(root) - 1, -1, -1):
        v[i] //= root[i][i]
        row, known = root[i], v[i]
        for k in range(i):
            v[k] -= row[k] * known
    return v
