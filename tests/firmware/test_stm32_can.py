"""The CAN controller inside an STM32, by either of MicroPython's classes for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from logger.drivers.stm32_can import MachineCan, PybCan, open_can
from tests.firmware.board_tests.stm32_can_stand_in import MachineCAN, PybCAN, PybFDCAN

FRAMES = [
    (0x1DB, False, bytes(range(8))),
    (0x7FF, False, b""),
    (0x18FF50E5, True, b"\x01"),
    (0x1FFFFFFF, True, bytes(8)),
]
STATES = {
    MachineCAN: ("STATE_ACTIVE", "STATE_WARNING", "STATE_PASSIVE", "STATE_BUS_OFF", "STATE_STOPPED"),
    PybCAN: ("ERROR_ACTIVE", "ERROR_WARNING", "ERROR_PASSIVE", "BUS_OFF", "STOPPED"),
}
KINDS: list[Callable[..., Any]] = [MachineCAN, PybCAN, PybFDCAN]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def opened(kind: Any, **options: Any) -> Any:
    classes = (kind, None) if kind.__name__.startswith("Machine") else (None, kind)
    return open_can(*classes, 1, 500_000, **options)


def received(driver: Any) -> list[tuple[int, bool, bytes]]:
    found = []
    while (frame := driver.receive()) is not None:
        found.append((frame[0], frame[1], bytes(frame[2])))
    return found


def test_frames_arrive_and_leave_as_they_are(kind: Any) -> None:
    driver = opened(kind)
    for frame in FRAMES:
        driver._can.arrive(*frame)
        assert received(driver) == [frame]
        assert driver.send(*frame)
    assert driver._can.sent == FRAMES
    assert (driver.lost, driver.faults, driver.state()) == (0, 0, 0)


def test_remote_frames_are_passed_over(kind: Any) -> None:
    driver = opened(kind)
    driver._can.arrive(0x100, False, b"", is_remote=True)
    driver._can.arrive(*FRAMES[0])
    assert received(driver) == FRAMES[:1]


def test_an_overflow_is_counted(kind: Any) -> None:
    driver = opened(kind)
    for _ in range(4):
        driver._can.arrive(*FRAMES[0])
    assert len(received(driver)) == 3
    assert driver.lost == 1


def test_full_mailboxes_and_bus_off(kind: Any) -> None:
    driver = opened(kind)
    driver._can.is_bus_dead = True
    taken = [driver.send(0x100, False, b"\x01") for _ in range(5)]
    assert taken == [True] * 3 + [False] * 2
    assert driver.send is not None
    names = STATES.get(kind) or STATES[PybCAN]
    for name, state in zip(names, (0, 1, 2, 3, 3), strict=True):
        driver._can.now = getattr(kind, name)
        assert driver.state() == state
    driver.restart()
    assert driver.state() == 0


def test_a_controller_that_is_off_sends_nothing() -> None:
    driver = opened(MachineCAN)
    driver._can.now = MachineCAN.STATE_BUS_OFF
    assert not driver.send(0x100, False, b"")


@pytest.mark.parametrize("count", [1, 5, 40])
def test_filters_let_through_what_they_must_and_little_else(kind: Any, count: int) -> None:
    driver = opened(kind)
    ids = [(0x100 + 8 * number, False) for number in range(count)] + [
        (0x18FF0000 + number, True) for number in range(count)
    ]
    driver.set_filters(ids)
    for can_id, is_extended in ids:
        driver._can.arrive(can_id, is_extended, b"")
        assert received(driver) == [(can_id, is_extended, b"")]
    passed = 0
    for can_id in range(0x800):
        driver._can.arrive(can_id, False, b"")
        passed += len(received(driver))
    assert passed <= (count if count <= 5 else 512)
    driver.set_filters(None)
    driver._can.arrive(0x7F1, False, b"")
    assert len(received(driver)) == 1


def test_a_controller_that_holds_fewer_filters_than_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MachineCAN, "REAL_FILTERS", 4)
    driver = opened(MachineCAN)
    driver.set_filters([(0x100 + number * 3, False) for number in range(12)])
    assert 1 <= len(driver._can.filters) <= 4
    driver._can.arrive(0x109, False, b"")
    assert len(received(driver)) == 1


def test_silent(kind: Any) -> None:
    driver = opened(kind, is_silent=True)
    assert driver._can.mode in (MachineCAN.MODE_SILENT, PybCAN.SILENT)
    assert not driver.send(0x100, False, b"")


def test_fd() -> None:
    driver = open_can(MachineCAN, PybFDCAN, 1, 500_000, 2_000_000)
    assert isinstance(driver, PybCan)
    assert driver._can.fd == {"brs_baudrate": 2_000_000, "brs_sample_point": 75}
    assert driver.max_data_bytes == 64
    assert driver.send(0x100, False, bytes(64), is_fd=True)
    driver._can.arrive(0x100, False, bytes(48))
    assert received(driver) == [(0x100, False, bytes(48))]


def test_what_there_is_is_taken() -> None:
    assert isinstance(open_can(MachineCAN, PybCAN, 1, 500_000), MachineCan)
    assert isinstance(open_can(None, PybCAN, 1, 500_000), PybCan)
    for classes in ((MachineCAN, None), (None, PybCAN)):
        with pytest.raises(ValueError, match="CAN FD"):
            open_can(*classes, 1, 500_000, 2_000_000)


def test_lengths_that_do_not_fit(kind: Any) -> None:
    with pytest.raises(ValueError, match="bytes"):
        opened(kind).send(0x100, False, bytes(9))
