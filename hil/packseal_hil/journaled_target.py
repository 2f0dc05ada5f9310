"""A target whose calls and answers are written into a recording; it does nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from packseal_hil.protocols import Flash
from packseal_hil.recording import Journal
from packseal_hil.targets.target import Target


class JournaledTarget:
    """See targets/target.py. What its flash holds is not recorded."""

    starts: int
    firmware_hash: bytes

    def __init__(self, target: Target, journal: Journal) -> None:
        self._target, self._journal = target, journal
        self.name, self.clock_rate = target.name, target.clock_rate
        self.serial_port, self.bms_port = target.serial_port, target.bms_port

    def __getattr__(self, name: str) -> object:
        """starts and firmware_hash: as they are now."""
        return getattr(self._target, name)

    def start(self, config: Mapping[str, object], can_table: bytes = b"") -> None:
        self._called("start")
        self._target.start(config, can_table)

    def cut_power(self, at_flash_byte: int | None = None) -> None:
        self._called("cut_power", at_flash_byte)
        self._target.cut_power(at_flash_byte)

    def power_on(self) -> None:
        self._called("power_on")
        self._target.power_on()

    def reset(self) -> None:
        self._called("reset")
        self._target.reset()

    def is_on(self) -> bool:
        is_on = self._target.is_on()
        self._journal.line("is_on", is_on=is_on)
        return is_on

    def flash(self) -> Flash:
        return self._target.flash()

    def said(self) -> str:
        return self._target.said()

    def problem(self) -> str:
        return self._target.problem()

    def close(self) -> None:
        self._target.close()

    def _called(self, name: str, *arguments: int | None) -> None:
        self._journal.line("call", part="board", name=name, arguments=list(arguments))
