"""Values in JSON without losing a digit: a decimal that no double holds stays its text.

Readers of JSON keep numbers as doubles (RFC 8259 section 6), so a longer decimal would change on the way.
"""

from __future__ import annotations

from decimal import Decimal

from packseal.exchange.export import Converted
from packseal.exchange.source import Content

MAX_INTEGER = (1 << 53) - 1  # what a double holds exactly


def plain(content: Content) -> Converted:
    """For JSON: the same texts, truth values, lists and maps; numbers as numbers where a double holds them exactly."""
    if isinstance(content, dict):
        return {name: plain(one) for name, one in content.items()}
    if isinstance(content, list):
        return [plain(one) for one in content]
    if isinstance(content, bool) or not isinstance(content, int | Decimal):
        return content
    return _number(Decimal(content))


def _number(content: Decimal) -> Converted:
    if not content.is_finite():
        raise ValueError("not a finite number")
    if content == content.to_integral_value():
        return int(content) if abs(content) <= MAX_INTEGER else f"{content:f}"
    double = float(content)
    return double if Decimal(repr(double)) == content else f"{content:f}"
