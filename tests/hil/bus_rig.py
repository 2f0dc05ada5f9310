"""The whole line with the board on an emulated CAN bus: its firmware's slcan line ends in an adapter of the bench."""

from __future__ import annotations

from pathlib import Path

from packseal.io.enrol import hello_of
from packseal_hil.buses import SlcanAdapter
from packseal_hil.protocols import Bus
from tests.line.rig import Rig

ADDRESS = 0x42
BITRATE = 500_000
LIVE_IDS = {0x1CFF5000 + (number << 8) + ADDRESS for number in range(4)}
CAN = {
    "can_link": {"address": ADDRESS, "live_ms": 1_000},
    "can_bus": {"bitrate": BITRATE, "data_bitrate": 0, "oscillator_hz": 0, "silent": 0},
}


class BusRig(Rig):
    """board_bus: what the board's adapter is on. gateway_port: the gateway's way to that bus, without the address."""

    def __init__(self, folder: Path, board_bus: Bus, gateway_port: str) -> None:
        super().__init__(folder, **CAN)
        self.serial = self.board.port
        self.board.port = f"{gateway_port}#{ADDRESS:02x}"
        self.adapter = SlcanAdapter(board_bus, self.board.second_port)

    def stop(self) -> None:
        self.adapter.close()
        super().stop()

    def wait_for_receipts(self) -> None:
        """Of the service for what the board has signed, and the last of them kept by the board itself."""
        for _ in range(3):
            self.next_message("receipt")
        self.wait_for(lambda: hello_of(self.serial).receipted_size > 3, "a receipt kept by the board")
