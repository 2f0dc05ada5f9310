"""An MCP2515, byte for byte, after its data sheet (Microchip DS20001801J): registers (section 11), instructions
(section 12), modes (section 10), buffers and filters (section 4), error flags (section 6). Time does not pass in it."""

CANSTAT, CANCTRL, TEC, CNF3, CANINTF, EFLG = 0x0E, 0x0F, 0x1C, 0x28, 0x2C, 0x2D
CONFIGURATION, NORMAL, LISTEN_ONLY = 0x80, 0x00, 0x60
_FILTERS = (0x00, 0x04, 0x08, 0x10, 0x14, 0x18)
_READ_ONLY = (CANSTAT, TEC, TEC + 1)
_NOT_IMPLEMENTED = {0x0E: 0x11, 0x60: 0x90, 0x70: 0x90}
_READING_BEFORE_RUNNING = 3  # how often it is asked before its oscillator has settled


class Mcp2515Emulator:
    """sent: (identifier, is it extended, data, is it FD) of each frame on the bus. is_bus_dead: nobody acknowledges."""

    def __init__(self):
        self.sent = []
        self.is_bus_dead = False
        self.resets = -1  # that of power-on does not count
        self.reset()

    def reset(self):
        self.registers = bytearray(128)
        self.registers[CANCTRL] = 0x87
        self.registers[CANSTAT] = CONFIGURATION
        self._starting = _READING_BEFORE_RUNNING
        self.resets += 1

    # SPI, section 12

    def answer(self, sent):
        if self._starting or not sent:
            if len(sent) == 1 and self._starting:
                self._starting -= 1
            return 0
        if sent[0] == 0x03 and len(sent) >= 2:
            return self._read(sent[1] + len(sent) - 2)
        if sent[0] == 0xA0:
            return self._status()
        return 0

    def act(self, sent):
        code = sent[0]
        if code == 0xC0:
            self.reset()
        elif self._starting:
            return
        elif code == 0x02:
            self._transmit()  # what waited for the bus has left long before the first byte arrives
            for i in range(len(sent) - 2):
                self._write(sent[1] + i & 0x7F, sent[2 + i])
            self._transmit()
        elif code == 0x05 and len(sent) == 4:
            self._write(sent[1], self._read(sent[1]) & ~sent[2] & 0xFF | sent[3] & sent[2])
        elif code & 0xF8 == 0x80:
            if len(sent) > 1:
                raise ValueError("RTS is one byte")
            for buffer in range(3):
                if code >> buffer & 1:
                    self.registers[0x30 + 16 * buffer] |= 8
            self._transmit()
        elif code not in (0x03, 0xA0):
            raise ValueError(f"instruction {code:02x} is not known, or has another length")

    def _read(self, address):
        address &= 0x7F
        if address & 15 in (CANSTAT, CANCTRL):
            address &= 15
        return self.registers[address]

    def _write(self, address, value):
        if address & 15 in (CANSTAT, CANCTRL):
            address &= 15
        mode = self.registers[CANSTAT] & 0xE0
        is_setting = address < 0x28 and address not in (CANSTAT, CANCTRL, TEC, TEC + 1)
        is_setting = is_setting or CNF3 <= address <= CNF3 + 2
        if address in _READ_ONLY or (is_setting and mode != CONFIGURATION):
            return
        if 0x61 <= address <= 0x6D or 0x71 <= address <= 0x7D:
            return
        if address == EFLG:
            value = self.registers[EFLG] & 0x3F | value & self.registers[EFLG] & 0xC0
        elif address in (0x60, 0x70):
            value &= 0x64
        elif address in (0x31 + 1, 0x41 + 1, 0x51 + 1):
            value &= 0xEB
        self.registers[address] = value
        if address == CANCTRL:
            self.registers[CANSTAT] = value & 0xE0

    def _status(self):
        registers = self.registers
        flags = registers[CANINTF] & 3
        for buffer in range(3):
            flags |= (registers[0x30 + 16 * buffer] & 8) >> 3 << 2 + 2 * buffer
            flags |= (registers[CANINTF] >> 2 + buffer & 1) << 3 + 2 * buffer
        return flags

    # CAN

    @property
    def is_on(self):
        return not (self._starting or self.registers[EFLG] & 0x20) and (
            self.registers[CANSTAT] in (NORMAL, LISTEN_ONLY)
        )

    def set_errors(self, flags):
        """EFLG but for its overflows, as the error counters would."""
        self.registers[EFLG] = self.registers[EFLG] & 0xC0 | flags
        self._transmit()

    def receive(self, can_id, is_extended, data, is_fd=False, is_remote=False):
        if not self.is_on or is_fd:
            return
        registers = self.registers
        head = _head(can_id, is_extended, is_remote)
        frame = bytes(head) + bytes([len(data) | (0x40 if is_remote and is_extended else 0)]) + data
        if self._matches(frame, 0, 2):
            if not registers[CANINTF] & 1:
                self._store(0, frame)
            elif registers[0x60] & 4 and not registers[CANINTF] & 2:
                self._store(1, frame)
            else:
                registers[EFLG] |= 0x80 if registers[0x60] & 4 else 0x40
        elif self._matches(frame, 2, 6):
            if not registers[CANINTF] & 2:
                self._store(1, frame)
            else:
                registers[EFLG] |= 0x80

    def _matches(self, frame, first, end):
        mask = self.registers[0x24:0x28] if first else self.registers[0x20:0x24]
        if self.registers[0x70 if first else 0x60] & 0x60:
            raise ValueError("the other modes of RXM are for debugging, or reserved")
        is_extended = bool(frame[1] & 8)
        found = bytearray(frame[:4])
        if not is_extended:
            found[2:4] = (frame[5:] + b"\x00\x00")[:2]
        for address in _FILTERS[first:end]:
            wanted = self.registers[address : address + 4]
            if bool(wanted[1] & 8) != is_extended:
                continue
            differing = [(found[i] ^ wanted[i]) & mask[i] for i in range(4)]
            differing[1] &= 0xE3 if is_extended else 0xE0
            if not any(differing):
                return True
        return False

    def _store(self, buffer, frame):
        at = 0x61 + 16 * buffer
        self.registers[at : at + len(frame)] = frame
        self.registers[CANINTF] |= 1 << buffer

    def _transmit(self):
        if self.is_bus_dead or not self.is_on or self.registers[CANSTAT] != NORMAL:
            return
        for control in (0x50, 0x40, 0x30):  # of equal priority, the higher buffer goes first
            if self.registers[control] & 8:
                self.registers[control] &= ~8
                self.registers[CANINTF] |= 4 << (control - 0x30 >> 4)
                head = self.registers[control + 1 : control + 14]
                can_id = head[0] << 3 | head[1] >> 5
                is_extended = bool(head[1] & 8)
                if is_extended:
                    can_id = can_id << 18 | (head[1] & 3) << 16 | head[2] << 8 | head[3]
                self.sent.append((can_id, is_extended, bytes(head[5 : 5 + (head[4] & 15)]), False))


def _head(can_id, is_extended, is_remote):
    can_id = can_id if is_extended else can_id << 18
    head = bytearray([can_id >> 21, can_id >> 13 & 0xE0 | can_id >> 16 & 3, can_id >> 8 & 0xFF, can_id & 0xFF])
    head[1] |= 8 if is_extended else 0x10 if is_remote else 0
    return head
