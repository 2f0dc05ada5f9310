"""An MCP2518FD, byte for byte, after Microchip DS20006027 (SPI, oscillator, ECC) and the family's reference manual
DS20005678 (modes, FIFOs in RAM, filters, error counters). Time does not pass in it."""

CON, NBTCFG, TDC, TREC, FLTCON, FLTOBJ = 0x000, 0x004, 0x00C, 0x034, 0x1D0, 0x1F0
RAM, RAM_END, OSC, ECCCON = 0x400, 0xC00, 0xE00, 0xE0C
MIXED, RESTRICTED, LISTEN_ONLY, CONFIGURATION, CLASSIC = 0, 7, 3, 4, 6
_FIFOCON = 0x050  # of the transmit queue; those of FIFO 1 to 31 follow, 12 bytes each
_LENGTHS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64)
_PAYLOADS = (8, 12, 16, 20, 24, 32, 48, 64)
_READINGS_BEFORE_READY = 4


class _Fifo:
    """Where FIFO `number` lies in RAM, and what is in it."""

    def __init__(self, control, start):
        self.is_transmit = bool(control[0] & 0x80)
        self.payload = _PAYLOADS[control[3] >> 5]
        self.objects = (control[3] & 31) + 1
        self.start = start
        self.head = self.tail = self.count = 0
        self.is_overrun = False

    @property
    def object_bytes(self):
        return 8 + self.payload

    @property
    def user_address(self):
        place = self.head if self.is_transmit else self.tail
        return self.start + place * self.object_bytes

    @property
    def status(self):
        if self.is_transmit:
            flags = (self.count < self.objects) | (self.count == 0) << 2
            return bytes([flags, self.head, 0, 0])
        flags = (self.count > 0) | (self.count == self.objects) << 2 | self.is_overrun << 3
        return bytes([flags, self.tail, 0, 0])


class Mcp2518fdEmulator:
    """sent: (identifier, is it extended, data, is it FD) of each frame on the bus. is_bus_dead: nobody acknowledges."""

    def __init__(self):
        self.sent = []
        self.is_bus_dead = False
        self.untimely = 0  # resets outside of configuration mode, writes to filters that are enabled: ignored
        self.resets = -1  # that of power-on does not count
        self.reset()

    def reset(self):
        self.memory = bytearray(0x1000)
        self.memory[CON : CON + 4] = b"\x60\x07\x98\x04"  # transmit queue and event FIFO are on
        self.memory[NBTCFG : NBTCFG + 4] = b"\x0f\x0f\x3e\x00"
        self.memory[OSC : OSC + 4] = b"\x60\x00\x00\x00"
        for fifo in range(1, 32):
            self._control(fifo)[:] = b"\x00\x04\x60\x00"
        if self.resets < 0:
            self._written = bytearray(RAM_END - RAM)  # a reset leaves RAM as it was
        self._fifos = {}
        self._waiting = _READINGS_BEFORE_READY
        self._wanted_mode = CONFIGURATION
        self.ecc_errors = 0
        self.resets += 1

    @property
    def mode(self):
        return self.memory[CON + 2] >> 5

    def force_mode(self, mode):
        self.memory[CON + 2] = self.memory[CON + 2] & 0x1F | mode << 5
        self._wanted_mode = mode

    # SPI, DS20006027 section 4

    def answer(self, sent):
        if len(sent) < 2 or sent[0] >> 4 != 3:
            return 0
        if len(sent) == 2:
            self._pass_time()
        return self._read(((sent[0] & 15) << 8 | sent[1]) + len(sent) - 2)

    def act(self, sent):
        address = (sent[0] & 15) << 8 | (sent[1] if len(sent) > 1 else 0)
        code, count = sent[0] >> 4, len(sent) - 2
        if code == 0 and address == 0:
            if self.mode == CONFIGURATION:
                self.reset()
            else:
                self.untimely += 1
            return
        if code not in (2, 3):
            raise ValueError(f"instruction {code} is not known")
        if RAM <= address < RAM_END and (address | count) & 3:
            raise ValueError("RAM is read and written in words")
        if code == 2:
            for i in range(count):
                self._write(address + i, sent[2 + i])

    def _pass_time(self):
        if self._waiting:
            self._waiting -= 1
            return
        self.memory[OSC + 1] |= 4
        if self.mode != self._wanted_mode:
            self.memory[CON + 2] = self.memory[CON + 2] & 0x1F | self._wanted_mode << 5
            if self._wanted_mode != CONFIGURATION:
                self._lay_out()

    def _read(self, address):
        number, register = divmod(address - _FIFOCON, 12)
        if number in self._fifos and register >= 4:
            fifo = self._fifos[number]
            return (fifo.status + fifo.user_address.to_bytes(4, "little"))[register - 4]
        if RAM <= address < RAM_END and self.memory[ECCCON] & 1 and not self._written[address - RAM]:
            self.ecc_errors += 1
        return self.memory[address & 0xFFF]

    def _write(self, address, value):
        number, register = divmod(address - _FIFOCON, 12)
        is_fifo = 0 < number < 32
        is_setting = NBTCFG <= address < TDC + 4 or (is_fifo and register in (0, 3)) or address in (CON, CON + 1)
        if (is_setting and self.mode != CONFIGURATION) or TREC <= address < TREC + 4:
            return
        if RAM <= address < RAM_END:
            self._written[address - RAM] = 1
            self.memory[address] = value
        elif address == CON + 2:
            if self.mode == CONFIGURATION:
                self.memory[address] = self.memory[address] & 0xE0 | value & 0x1F
        elif address == CON + 3:
            self.memory[address] = value
            self._wanted_mode = value & 7
            self._waiting = 2
        elif is_fifo and register == 1:
            self._command(number, value)
        elif is_fifo and register == 4:
            if number in self._fifos and not value & 8:
                self._fifos[number].is_overrun = False
        elif address != OSC + 1 and FLTOBJ <= address < FLTOBJ + 256:
            if self.memory[FLTCON + (address - FLTOBJ) // 8] & 0x80:
                self.untimely += 1
            else:
                self.memory[address] = value
        elif address != OSC + 1:
            self.memory[address] = value

    def _control(self, number):
        at = _FIFOCON + 12 * number
        return memoryview(self.memory)[at : at + 4]

    def _lay_out(self):
        """FRM section 3.3: event FIFO and transmit queue come first, where they are on."""
        if self.memory[CON + 2] & 0x18:
            raise ValueError("transmit queue or event FIFO take the first bytes of RAM")
        self._fifos = {}
        start = 0
        for number in range(1, 3):
            fifo = self._fifos[number] = _Fifo(self._control(number), start)
            start += fifo.objects * fifo.object_bytes
        if start > RAM_END - RAM:
            raise ValueError("the FIFOs are larger than RAM")

    def _command(self, number, value):
        fifo = self._fifos.get(number)
        if fifo is None:
            return
        if value & 1 and fifo.is_transmit and fifo.count < fifo.objects:
            fifo.head = (fifo.head + 1) % fifo.objects
            fifo.count += 1
        elif value & 1 and not fifo.is_transmit and fifo.count:
            fifo.tail = (fifo.tail + 1) % fifo.objects
            fifo.count -= 1
        if value & 2 and fifo.is_transmit:
            self._transmit(fifo)

    # CAN

    @property
    def is_on(self):
        return not self.memory[TREC + 2] & 0x20 and self.mode in (MIXED, CLASSIC, LISTEN_ONLY)

    def set_errors(self, flags):
        """The flags of CiTREC, as the error counters would."""
        self.memory[TREC + 2] = flags
        if not flags & 0x20 and 2 in self._fifos:
            self._transmit(self._fifos[2])

    def receive(self, can_id, is_extended, data, is_fd=False, is_remote=False):
        if not self.is_on or (is_fd and self.mode == CLASSIC):
            return
        head = _identifier(can_id, is_extended)
        number = self._fifo_for(head, is_extended)
        if number is None:
            return
        fifo = self._fifos[number]
        if fifo.count == fifo.objects:
            fifo.is_overrun = True
            return
        place = RAM + fifo.start + (fifo.tail + fifo.count) % fifo.objects * fifo.object_bytes
        flags = is_extended << 4 | is_remote << 5 | (0xC0 if is_fd else 0) | _LENGTHS.index(len(data))
        content = head + bytes([flags, 0, 0, 0]) + data
        self.memory[place : place + len(content)] = content
        fifo.count += 1

    def _fifo_for(self, head, is_extended):
        for number in range(32):
            control = self.memory[FLTCON + number]
            if control & 0x80 and self._matches(FLTOBJ + 8 * number, head, is_extended):
                return control & 31
        return None

    def _matches(self, at, head, is_extended):
        wanted, mask = self.memory[at : at + 4], self.memory[at + 4 : at + 8]
        if mask[3] & 0x40 and bool(wanted[3] & 0x40) != is_extended:
            return False
        relevant = b"\xff\xff\xff\x1f" if is_extended else b"\xff\x07\x00\x00"
        differing = [(head[i] ^ wanted[i]) & mask[i] & relevant[i] for i in range(4)]
        return not any(differing)

    def _transmit(self, fifo):
        while fifo.count and not self.is_bus_dead and self.is_on and self.mode != LISTEN_ONLY:
            place = RAM + fifo.start + fifo.tail * fifo.object_bytes
            head = self.memory[place : place + 8]
            can_id = head[0] | (head[1] & 7) << 8
            is_extended = bool(head[4] & 0x10)
            if is_extended:
                can_id = can_id << 18 | head[1] >> 3 | head[2] << 5 | (head[3] & 0x1F) << 13
            length = _LENGTHS[head[4] & 15]
            if length > fifo.payload:
                raise ValueError("more bytes than the object has")
            data = self.memory[place + 8 : place + 8 + length]
            self.sent.append((can_id, is_extended, bytes(data), bool(head[4] & 0x80)))
            fifo.tail = (fifo.tail + 1) % fifo.objects
            fifo.count -= 1


def _identifier(can_id, is_extended):
    number = can_id >> 18 | (can_id & 0x3FFFF) << 11 if is_extended else can_id
    return number.to_bytes(4, "little")
