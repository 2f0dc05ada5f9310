"""Text of others for a terminal, in a module of its own: every program says something, and few of them verify."""


def printable(text: str) -> str:
    """For a terminal: what it would obey, hide or put elsewhere stands there as an escape. Evidence names batteries and
    logs as it likes."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
