"""[publish], [home_assistant], [sparkplug] and [senml] of gateway.toml: what others see over MQTT, and in which forms.

None of them touches evidence: every record leaves as it was signed, whatever stands here.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StrictBool, model_validator

from packseal.exchange.projections.home_assistant import EXPIRE_AFTER_S
from packseal.exchange.projections.selection import HEARTBEAT_S, Rule, Selection
from packseal.exchange.projections.signals import SIGNALS
from packseal.io.setting_types import Name, Table

DAY_S = 86_400
PREFIX = r"^[A-Za-z0-9_-]{1,64}(/[A-Za-z0-9_-]{1,64}){0,2}$"
GROUP = r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}$"  # Sparkplug 3.0.0 section 4.1.1: no +, / or #


def _of_signals(pattern: str) -> str:
    """A name or a glob that at least one signal has, so that a slip of the pen is no silent rule."""
    if not Selection(include=(pattern,)).names():
        raise ValueError(f"{pattern!r} is no signal; known: {', '.join(SIGNALS)}, and globs such as 'cell_*'")
    return pattern


Pattern = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_of_signals)]
Seconds = Annotated[int, Field(strict=True, ge=0, le=DAY_S)]


class SignalTable(Table):
    """[[publish.signal]] of gateway.toml"""

    name: Pattern
    every_s: Seconds | None = None
    deadband: Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> SignalTable:
        if self.every_s is None and self.deadband is None:
            raise ValueError(f"{self.name}: give every_s, deadband, or both")
        return self


class PublishTable(Table):
    """[publish] of gateway.toml"""

    include: tuple[Pattern, ...] = ("*",)
    exclude: tuple[Pattern, ...] = ()
    heartbeat_s: Annotated[int, Field(strict=True, ge=10, le=DAY_S)] = HEARTBEAT_S
    signal: tuple[SignalTable, ...] = ()

    @property
    def selection(self) -> Selection:
        rules = tuple(Rule(s.name, None if s.every_s is None else s.every_s * 1000, s.deadband) for s in self.signal)
        return Selection(self.include, self.exclude, rules, self.heartbeat_s * 1000)


class HomeAssistantTable(Table):
    """[home_assistant] of gateway.toml"""

    prefix: Annotated[str, Field(pattern=PREFIX)] = "homeassistant"
    expire_after_s: Annotated[int, Field(strict=True, ge=30, le=7 * DAY_S)] = EXPIRE_AFTER_S
    remove: StrictBool = False


class SparkplugTable(Table):
    """[sparkplug] of gateway.toml"""

    group: Annotated[str, Field(pattern=GROUP)] = "PackSeal"
    node: Name | None = None


class SenMLTable(Table):
    """[senml] of gateway.toml; it has no keys of its own, and its being there switches it on"""
