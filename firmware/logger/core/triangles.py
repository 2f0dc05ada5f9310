"""Lower triangles of integers, a list of rows each one longer than the last: symmetric matrices and their roots.

Every function that takes long is a generator (steps.py) with a step a row. Entries carry their own scale, said by the
caller; results are rounded down, and no diagonal of a root is below 1, so that a variance never becomes nothing.

Roundings can leave a matrix that is no covariance. Divided by a pivot of almost nothing, what stands below it would
have twice its digits in each row that follows, and one root would take hours; root_steps says what keeps them few.
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


def root_steps(matrix, least=1):
    """L with L L' = matrix (Cholesky), and the same diagonal where L L' = matrix has no answer.

    least: a pivot below is rounding; it counts as this, and what stands below it as nothing. No entry takes more than
    the diagonal of its row has left, so that none has more than half the digits of its diagonal.
    """
    root = []
    for row in matrix:
        found, left = [], row[-1]
        for j in range(len(row) - 1):
            rest, other = row[j], root[j]
            for k in range(j):
                rest -= found[k] * other[k]
            entry = rest // other[j] if other[j] > least else 0
            if entry * entry > left:
                most = isqrt(max(left, 0))
                entry = most if entry > 0 else -most
            left -= entry * entry
            found.append(entry)
        found.append(max(isqrt(max(left, 0)), least))
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
