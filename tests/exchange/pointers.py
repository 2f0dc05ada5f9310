"""The leaves of a JSON document by their pointers (RFC 6901), found without what put it together."""

from __future__ import annotations

from packseal.exchange.export import pointer


def leaves_of(content: object, path: tuple[str | int, ...] = ()) -> set[str]:
    """Of each text, number, truth value, null and empty list or map."""
    if isinstance(content, dict) and content:
        return {leaf for name, one in content.items() for leaf in leaves_of(one, (*path, name))}
    if isinstance(content, list) and content:
        return {leaf for number, one in enumerate(content) for leaf in leaves_of(one, (*path, number))}
    return {pointer(path)}


def texts_of(content: object) -> set[str]:
    """Every leaf as text."""
    if isinstance(content, dict):
        return {text for one in content.values() for text in texts_of(one)}
    if isinstance(content, list):
        return {text for one in content for text in texts_of(one)}
    return {str(content)}
