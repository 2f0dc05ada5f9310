"""Long work cut into small steps, so that a board goes on sampling while it signs.

The convention of this folder: a name that ends in `_steps` is a generator that yields None between two steps and hands
over its result by `return`, so that one takes up another with `result = yield from other_steps()`. The generators that
a sampling loop drives itself say in their docstring what they yield last.
"""


def finish(steps):
    """Runs a generator to its end without a pause; returns what it returns, raises what it raises."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
