"""A Daly board, byte for byte (UART/485 Communications Protocol V1.2): identifiers 0x90, 0x94 to 0x96 and 0x98.

Its values are a function of time, so that whoever reads them can tell how old they are.
"""

STEP_MS = 100  # how often it measures


def frame(board, identifier, data):
    content = bytes([0xA5, board, identifier, 8]) + data
    return content + bytes([sum(content) & 0xFF])


def word(value):
    return bytes([value >> 8 & 0xFF, value & 0xFF])


class DalyEmulator:
    def __init__(self, cells, sensors, board=1, first_frame=1):
        self.cells = cells
        self.sensors = sensors
        self.board = board
        self.first_frame = first_frame
        self.cycles = 17
        self.failures = bytes(8)
        self.is_asleep = False  # then it gives back the request
        self.is_waking = False  # then its current is 0 raw
        self.frame_gap_ms = 0
        self.all_frames = False  # 16 frames of cells, whatever the cells, as some boards do
        self.has_failures = True

    def current_ma(self, now_ms):
        return (now_ms // STEP_MS * 37 % 4001 - 2000) * 100

    def pack_mv(self, now_ms):
        return 48000 + now_ms // STEP_MS % 397 * 100

    def soc_cpct(self, now_ms):
        return now_ms // STEP_MS % 1001 * 10

    def cell_mv(self, index, now_ms):
        return 3000 + (now_ms // STEP_MS * 7 + index * 13) % 1201

    def temperature_ddegc(self, index, now_ms):
        return ((now_ms // STEP_MS + index * 7) % 71 - 15) * 10

    def hear(self, request, now_ms):
        is_request = len(request) == 13 and request[0] == 0xA5 and request[1] == 0x3F + self.board and request[3] == 8
        if not is_request or sum(request[:12]) & 0xFF != request[12]:
            return []
        if self.is_asleep:
            return [(0, request)]
        frames = self.answers(request[2], now_ms)
        return [(i and self.frame_gap_ms, frames[i]) for i in range(len(frames))]

    def answers(self, identifier, now_ms):
        if identifier == 0x90:
            current = 0 if self.is_waking else 30000 - self.current_ma(now_ms) // 100
            data = word(self.pack_mv(now_ms) // 100) + word(0) + word(current) + word(self.soc_cpct(now_ms) // 10)
            return [frame(self.board, identifier, data)]
        if identifier == 0x94:
            data = bytes([self.cells, self.sensors, 0, 1, 2]) + word(self.cycles) + b"\x00"
            return [frame(self.board, identifier, data)]
        if identifier == 0x95:
            cells = b"".join([word(self.cell_mv(i, now_ms)) for i in range(self.cells)])
            return self._several(identifier, cells, 6, 16 if self.all_frames else 0)
        if identifier == 0x96:
            raw = [self.temperature_ddegc(i, now_ms) // 10 + 40 for i in range(self.sensors)]
            return self._several(identifier, bytes(raw), 7, 0)
        return [frame(self.board, identifier, self.failures)] if identifier == 0x98 and self.has_failures else []

    def _several(self, identifier, content, per_frame, least):
        count = max((len(content) + per_frame - 1) // per_frame, least)
        content += bytes(count * per_frame - len(content))
        frames = []
        for i in range(count):
            data = bytes([i + self.first_frame]) + content[i * per_frame : (i + 1) * per_frame]
            frames.append(frame(self.board, identifier, (data + b"\x90")[:8]))
        return frames
