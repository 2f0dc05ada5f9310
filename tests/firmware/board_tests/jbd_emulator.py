"""A JBD board, byte for byte (Jiabaida general protocol V4): answers registers 3, 4 and 5, and refuses others.

Its values are a function of time, so that whoever reads them can tell how old they are.
"""

STEP_MS = 100  # how often it measures


def frame(register, status, data):
    body = bytes([status, len(data)]) + data
    total = (0x10000 - sum(body)) & 0xFFFF
    return bytes([0xDD, register]) + body + bytes([total >> 8, total & 0xFF, 0x77])


def word(value):
    return bytes([value >> 8 & 0xFF, value & 0xFF])


class JbdEmulator:
    def __init__(self, cells, sensors):
        self.cells = cells
        self.sensors = sensors
        self.cycles = 17
        self.protection = 0
        self.is_asleep = False  # then the first request only wakes it
        self.has_name = True

    def current_ma(self, now_ms):
        return (now_ms // STEP_MS * 37 % 4001 - 2000) * 10

    def pack_mv(self, now_ms):
        return 48000 + now_ms // STEP_MS % 397 * 10

    def soc_cpct(self, now_ms):
        return now_ms // STEP_MS % 101 * 100

    def cell_mv(self, index, now_ms):
        return 3000 + (now_ms // STEP_MS * 7 + index * 13) % 1201

    def temperature_ddegc(self, index, now_ms):
        return (now_ms // STEP_MS * 3 + index * 29) % 701 - 150

    def hear(self, request, now_ms):
        is_request = len(request) == 7 and request[:2] == b"\xdd\xa5" and request[3] == 0 and request[6] == 0x77
        if not is_request or request[2] + request[3] + request[4] * 256 + request[5] != 0x10000:
            return []
        if self.is_asleep:
            self.is_asleep = False
            return []
        return [(0, self.answer(request[2], now_ms))]

    def answer(self, register, now_ms):
        if register == 3:
            return frame(3, 0, self._status(now_ms))
        if register == 4:
            return frame(4, 0, b"".join([word(self.cell_mv(i, now_ms)) for i in range(self.cells)]))
        if register == 5 and self.has_name:
            return frame(5, 0, b"JBD-SP04S034-L4S-200A-B-U")
        return frame(register, 0x80, b"")

    def _status(self, now_ms):
        data = word(self.pack_mv(now_ms) // 10) + word(self.current_ma(now_ms) // 10) + word(7200) + word(10000)
        data += word(self.cycles) + word(0x2078) + word(0) + word(0) + word(self.protection)
        data += bytes([0x10, self.soc_cpct(now_ms) // 100, 3, self.cells, self.sensors])
        return data + b"".join([word(self.temperature_ddegc(i, now_ms) + 2731) for i in range(self.sensors)])
