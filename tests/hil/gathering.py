"""A gateway that checks every byte, at the port of a target; and a configuration that every target takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import serial

from packseal.records.bodies import Boot, Window
from packseal_hil.targets import Target
from tests.firmware.test_with_gateway import SERVICE, Witness
from tests.hil.readings import CELLS, SENSORS

WAIT_S = 90
JBD = {"temperature_sensors": SENSORS, "max_age_ms": 3_000, "poll_ms": 200, "timeout_ms": 500}


def config(**changes: Any) -> dict[str, Any]:
    return {
        "service_public_key": bytes(SERVICE.verify_key).hex(),
        "rated_capacity_mah": 10_000,
        "cell_blocks": CELLS,
        "strings": 1,
        "sample_ms": 100,
        "window_ms": 1_000,
        "checkpoint_every": 1,
        "time_every_ms": 600_000,
        "source": "jbd",
        "jbd": JBD,
        **changes,
    }


SIMULATED = {"source": "simulator", "simulator": {"origin_unix_ms": 0, "true_capacity_mah": 9_100, "seed": 1}}


def simulated(**changes: Any) -> dict[str, Any]:
    settings = config(**SIMULATED, **changes)
    del settings["jbd"]
    return settings


def gather(target: Target, witness: Witness, until: Callable[[], bool]) -> None:
    """Carries bytes between the target and the witness until something is so."""
    deadline = time.monotonic() + WAIT_S
    with serial.Serial(target.serial_port, 115_200, timeout=0.02) as port:
        while not until():
            if time.monotonic() > deadline:
                pytest.fail(f"{target.name} does not go on: {target.said()[-1000:]}")
            answer = witness.receive(port.read(port.in_waiting or 1))
            if answer:
                port.write(answer)


def windows(witness: Witness) -> list[Window]:
    return [entry.body for entry in witness.entries if isinstance(entry.body, Window)]


def boots(witness: Witness) -> list[Boot]:
    return [entry.body for entry in witness.entries if isinstance(entry.body, Boot)]


def measured(witness: Witness) -> list[Window]:
    """Those in which a BMS had been heard all the time."""
    return [window for window in windows(witness) if window.samples and not window.values_missing]
