"""The SPI bus before an emulated MCP2515 or MCP2518FD, and what goes wrong on it. Each chip is a module of its own."""


class SpiWire:
    """machine.SPI and the select pin of one chip.

    chip: answer(sent) gives the byte that goes out while the byte after `sent` comes in; act(sent) is called when the
    chip is deselected. spoil: what becomes of each byte that the chip answers. is_cut: nothing arrives at either end.
    """

    def __init__(self, chip):
        self.chip = chip
        self.spoil = lambda byte: byte
        self.is_cut = False
        self.transfers = 0
        self._sent = None

    def select(self, level):
        if (self._sent is None) == bool(level):
            raise ValueError("the chip is selected already, or not selected")
        if not level:
            self._sent = bytearray()
            return
        sent, self._sent = bytes(self._sent), None
        if sent and not self.is_cut:
            self.chip.act(sent)

    def write_readinto(self, content, buffer):
        if len(content) != len(buffer):
            raise ValueError("buffers must be the same length")
        if self._sent is None:
            raise ValueError("no chip is selected")
        self.transfers += 1
        for i in range(len(content)):
            answer = 0 if self.is_cut else self.chip.answer(self._sent)
            self._sent.append(content[i])
            buffer[i] = self.spoil(answer) & 0xFF


class Replay:
    """A SpiWire's place taken: what it answered, once more, without a byte from the heap."""

    def __init__(self, wire):
        self._wire = wire
        self._answers = []
        self._at = 0
        self.is_replaying = False

    def select(self, level):
        if not self.is_replaying:
            self._wire.select(level)

    def write_readinto(self, content, buffer):
        if not self.is_replaying:
            self._wire.write_readinto(content, buffer)
            self._answers.append(bytes(buffer))
            return
        answer = self._answers[self._at]
        self._at += 1
        for i in range(len(answer)):
            buffer[i] = answer[i]

    def rewind(self):
        self.is_replaying = True
        self._at = 0
