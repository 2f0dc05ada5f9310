"""DBC text of a pack of 96 cells in series, as BMSs send it: made here, so that the benchmark needs no file of others.

The classic one multiplexes cell voltages and temperatures; the CAN FD one sends 24 or 31 numbers a frame. Both have
little and big endian, signed and unsigned signals, flags, and ranges that do not fill the bits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

CELLS, SENSORS = 96, 36
_HEAD = 'VERSION ""\nNS_ :\nBS_:\nBU_: BMS\n'


def signal(
    name: str, start: int, bits: int, scale: str = "1,0", *, mark: str = "", kind: str = "1+", span: str = "0|0"
) -> str:
    """One SG_ line. kind: byte order and sign as a DBC writes them."""
    return f' SG_ {name}{mark and " "}{mark} : {start}|{bits}@{kind} ({scale}) [{span}] "" BMS\n'


def message(can_id: int, name: str, length: int, signals: Iterable[str]) -> str:
    return f"BO_ {can_id} {name}: {length} BMS\n{''.join(signals)}\n"


def classic() -> str:
    """187 signals in 8 messages, 8 in a frame; 24 values of one multiplexer, 6 of another."""
    return _HEAD + "".join(
        [
            message(0x100, "PackStatus", 8, _status()),
            message(0x101, "PackFlags", 8, (signal(f"Flag_{i}", 2 * i, 1) for i in range(16))),
            message(0x102, "PackLimits", 8, _limits()),
            message(0x103, "CellExtremes", 8, _extremes()),
            message(0x110, "CellVoltages", 8, _cells()),
            message(0x111, "CellTemperatures", 8, _temperatures()),
            message(0x120, "PackEnergy", 8, _energy()),
            message(0x121, "PackCounters", 8, _counters()),
        ]
    )


def _status() -> Iterator[str]:
    yield signal("PackVoltage", 7, 16, "0.1,0", kind="0+")
    yield signal("PackCurrent", 23, 16, "0.1,0", kind="0-", span="-1000|1000")
    yield signal("StateOfCharge", 39, 10, "0.1,0", kind="0+", span="0|100")
    yield signal("StateOfHealth", 45, 8, "0.5,0", kind="0+")
    for place, name in enumerate(("IsCharging", "IsBalancing", "HasFault")):
        yield signal(name, 48 + place, 1)
    yield signal("Mode", 56, 8)


def _limits() -> Iterator[str]:
    for place, name in enumerate(("ChargeCurrent", "DischargeCurrent", "ChargeVoltage", "DischargeVoltage")):
        yield signal(f"Max{name}", 15 * place, 15, "0.1,0")
    yield signal("LimitCounter", 60, 4)


def _extremes() -> Iterator[str]:
    for place, name in enumerate(("Lowest", "Highest")):
        yield signal(f"{name}Voltage", 32 * place, 13, "0.001,0")
        yield signal(f"{name}Cell", 32 * place + 13, 7)
        yield signal(f"{name}Temperature", 32 * place + 20, 8, "0.5,-40")
        yield signal(f"{name}Sensor", 32 * place + 28, 4)


def _cells() -> Iterator[str]:
    yield signal("CellGroup", 0, 8, mark="M")
    yield signal("CellCounter", 60, 4)
    for cell in range(CELLS):
        group, place = divmod(cell, 4)
        yield signal(f"Cell_{cell}", 8 + 13 * place, 13, "0.001,0", mark=f"m{group}")


def _temperatures() -> Iterator[str]:
    yield signal("SensorGroup", 0, 4, mark="M")
    yield signal("SensorCounter", 4, 4)
    for sensor in range(SENSORS):
        group, place = divmod(sensor, 6)
        yield signal(f"Sensor_{sensor}", 8 + 9 * place, 9, "0.5,0", mark=f"m{group}", kind="1-")


def _energy() -> Iterator[str]:
    yield signal("Remaining", 0, 20, "0.001,0")
    yield signal("Full", 20, 20, "0.001,0")
    yield signal("Power", 40, 20, "0.001,0", kind="1-")
    yield signal("EnergyCounter", 60, 4)


def _counters() -> Iterator[str]:
    for place in range(10):
        yield signal(f"Counter_{place}", 6 * place, 6)


def flexible() -> str:
    """CAN FD: 64 bytes a message, 164 signals in 6 messages."""
    parts = ([signal("Counter", 0, 8), *_fd_cells(24 * part)] for part in range(4))
    cells = [message(0x200 + part, f"FdCells_{part}", 64, signals) for part, signals in enumerate(parts)]
    sensors = (signal(f"FdSensor_{i}", 16 * i, 16, "0.1,0", kind="1-") for i in range(32))
    status = (signal(f"FdStatus_{i}", 16 * i + 7, 16, "0.1,-100", kind="0+") for i in range(32))
    return _HEAD + "".join([*cells, message(0x210, "FdSensors", 64, sensors), message(0x211, "FdStatus", 64, status)])


def _fd_cells(first: int) -> Iterator[str]:
    for place in range(24):
        yield signal(f"FdCell_{first + place}", 16 + 16 * place, 16, "0.0001,0")
