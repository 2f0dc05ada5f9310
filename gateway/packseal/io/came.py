"""A delivery as it came from a broker, whichever kind it is, with the way to tell that broker what has become of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


def _nobody_asks(_is_answered: bool) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Came:
    """topic: as in MQTT. done: hears once, from any thread, whether it was answered; else it is to come again.

    until_s: where it is being held back, the time of a monotonic clock at which it is refused.
    """

    topic: str
    payload: bytes
    done: Callable[[bool], None] = _nobody_asks
    until_s: float | None = None
