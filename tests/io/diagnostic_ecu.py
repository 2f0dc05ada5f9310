"""An ECU on a virtual bus that speaks ISO-TP by can-isotp, with a tap that records every frame there is."""

from __future__ import annotations

import threading
from collections.abc import Mapping

import can
import isotp


class Ecu:
    """answers: data behind the identifier, by request; whatever else is asked is refused."""

    def __init__(self, channel: str, answers: Mapping[bytes, bytes]) -> None:
        self.channel, self.answers = channel, answers
        self.bus = can.Bus(channel, "virtual", ignore_config=True)
        self.tap = can.Bus(channel, "virtual", ignore_config=True)
        address = isotp.Address(isotp.AddressingMode.Normal_11bits, txid=0x7EC, rxid=0x7E4)
        self.stack = isotp.CanStack(self.bus, address=address, params={"tx_padding": 0xAA})
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self.stack.start()
        while not self._stopping.is_set():
            request = self.stack.recv(block=True, timeout=0.02)
            if request:
                data = self.answers.get(bytes(request))
                refused = b"\x7f" + request[:1] + b"\x31"
                self.stack.send(refused if data is None else bytes([request[0] + 0x40]) + request[1:] + data)
        self.stack.stop()

    def sent_by_us(self) -> list[tuple[int, bytes]]:
        """Every frame on the bus that is not the ECU's own."""
        found = []
        while (message := self.tap.recv(0)) is not None:
            if message.arbitration_id != 0x7EC:
                found.append((message.arbitration_id, bytes(message.data)))
        return found

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(5)
        self.bus.shutdown()
        self.tap.shutdown()
