"""What the bench runs the firmware on: a process, an emulated microcontroller or a real board, under the same names.

Decides the names and what they promise. One word opens a target (targets/open.py): `unix`, `cortex-m`, or
`board:/dev/serial/by-id/…`. What a target cannot do it refuses with BenchError, which says what else can be done.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from packseal_hil.protocols import Flash

CAN_BITRATE = 500_000  # of the bus that bms_port is where the configuration's source is "can"
CLOCK_RATES = (1, 10_000)  # of the unix target: firmware/boards/unix/config.py


class Target(Protocol):
    """Off until `start` or `power_on`. Ports keep their names while the power comes and goes.

    name: "unix", "cortex-m" or "board". serial_port: what a gateway opens. bms_port: where whatever stands for the BMS
    answers, "" where the pack is simulated in the board; a serial line of 9600 baud, or an slcan line of CAN_BITRATE.
    clock_rate: seconds of the pack in one of the wall's; 1 on all but `unix`. On a wire time is always the wall's:
    what a board hears is new every poll_ms of the wall (docs/sources.md), so that with a rate of R samples closer
    than R * poll_ms of the pack repeat what was heard. starts: how often it was powered or reset by the bench; a log
    with more lives than that has restarted by itself. firmware_hash: docs/record.md, BOOT key 1; b"" where nobody can
    tell. Everything raises BenchError when the target does not answer.
    """

    name: str
    serial_port: str
    bms_port: str
    clock_rate: int
    starts: int
    firmware_hash: bytes

    def start(self, config: Mapping[str, object], can_table: bytes = b"") -> None:
        """With a new config.json, and the table that its source `can` names. `config` is what every board takes
        (docs/boards.md); a target adds what it alone needs. Keys and log stay what they are."""

    def cut_power(self, at_flash_byte: int | None = None) -> None:
        """At once, or, without waiting for it, as soon as byte n (0 is the first) is about to be written to the log's
        flash, counted from now; is_on says when it has come. An erased sector counts all its bytes. Asked for while
        the power is off it waits for the next life; a cut at once forgets it."""

    def power_on(self) -> None:
        """Nothing where it is on."""

    def reset(self) -> None:
        """As its reset pin would."""

    def is_on(self) -> bool: ...
    def flash(self) -> Flash: ...
    def said(self) -> str:
        """All that its console has said since the target was opened, "" where there is none."""

    def problem(self) -> str:
        """For the health check: "" when all is well, else what is wrong: it ended by itself, or said a traceback."""

    def close(self) -> None: ...
