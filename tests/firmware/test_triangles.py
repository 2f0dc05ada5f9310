"""Roots of matrices in integers, also of those that have none, and the logarithms that weigh what comes of them."""

from __future__ import annotations

from random import Random

from logger.core import evidence, triangles
from logger.core.steps import finish


def test_roots_and_solutions() -> None:
    random = Random(1)
    root = [[random.randrange(-900, 900) for _ in range(i)] + [random.randrange(1000, 3000)] for i in range(6)]
    square = finish(triangles.square_steps(root))
    again = finish(triangles.root_steps(square))
    assert all(abs(a - b) <= 1 for mine, its in zip(root, again, strict=True) for a, b in zip(mine, its, strict=True))
    column = [random.randrange(1 << 40) for _ in range(6)]
    y = triangles.solved(root, column)
    assert all(abs(sum(row[k] * y[k] for k in range(i + 1)) - column[i]) <= row[i] for i, row in enumerate(root))


def test_logarithms_and_weights() -> None:
    assert evidence.logarithm(1) == 0
    for exponent in range(1, 600, 7):
        assert abs(evidence.logarithm(1 << exponent) - exponent * 709.783) < 1 + exponent / 4
    assert evidence.weight(5, 5) == evidence.FULL_WEIGHT
    for nat, expected in ((1, 0.36788), (5, 0.0067379)):
        assert abs(evidence.weight(-nat * evidence.NAT, 0) / evidence.FULL_WEIGHT / expected - 1) < 0.02


def test_a_root_is_not_longer_than_its_diagonal_says() -> None:
    """Of a matrix that has none: rounding leaves such."""
    size = 15
    matrix = [[10**9 if i == j else -(10**9) for j in range(i + 1)] for i in range(size)]
    root = finish(triangles.root_steps(matrix))
    assert max(abs(value) for row in root for value in row) <= 31_623
    assert all(sum(value * value for value in row) <= 10**9 + 1 for row in root)


def test_nothing_stands_below_a_pivot_of_less_than_the_least() -> None:
    matrix = [[4], [10**6, 10**8], [10**6, 0, 10**8]]
    assert finish(triangles.root_steps(matrix, 100)) == [[100], [0, 10**4], [0, 0, 10**4]]
