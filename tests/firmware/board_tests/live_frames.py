"""Prints the live values of packs, one a line: the eight bytes of every message of dbc/packseal.dbc in hexadecimal."""

from logger.core.live import LiveValues
from logger.core.sampling import Sample


class Log:
    size = 1000
    receipted_size = 900


class Logger:
    """Of the real one, what LiveValues looks at."""

    def __init__(self, sample, soc_cpct=None, statement=None, windows_lost=0):
        self.sample = sample
        self.last_statement = statement
        self.windows_lost = windows_lost
        self.log = Log()
        self._soc_cpct = soc_cpct

    def soc_cpct(self):
        return self._soc_cpct


class Bus:
    def __init__(self):
        self.sent = []
        self.is_full = False

    def send(self, can_id, is_extended, data):
        if not self.is_full:
            self.sent.append((can_id, is_extended, bytes(data)))
        return not self.is_full


def sample_of(current_ma, pack_mv, cells_mv, temperatures_ddegc):
    sample = Sample(len(cells_mv), len(temperatures_ddegc))
    sample.current_ma = current_ma
    sample.pack_mv = pack_mv
    sample.cell_mv[:] = cells_mv
    sample.temperature_ddegc[:] = temperatures_ddegc
    sample.refuse_impossible()
    return sample


def show(logger):
    live = LiveValues(logger, 0xE0, 1000)
    print(*[hexadecimal(live.content(number)) for number in range(4)])


def hexadecimal(content):
    return "".join([f"{byte:02x}" for byte in content])


def four_in_a_second():
    """A message that finds no mailbox goes out later, and none is skipped."""
    bus = Bus()
    live = LiveValues(Logger(sample_of(None, None, [], [])), 0x05, 1000)
    for now_ms in range(2000):
        bus.is_full = 300 <= now_ms < 420
        live.step(now_ms, bus)
    numbers = [(can_id - 0x1CFF5005) >> 8 for can_id, _, _ in bus.sent]
    assert numbers == [i % 4 for i in range(len(numbers))], numbers
    assert 7 <= len(numbers) <= 8
    assert all(is_extended and can_id & 0xFF == 5 for can_id, is_extended, _ in bus.sent)


four_in_a_second()
show(
    Logger(sample_of(-5000000, 2000000, [500, 5000], [-600, 1500]), 10000, {5: (20000, 2539), 6: (16777214, 1)}, 65534)
)
show(Logger(sample_of(1234, 403210, [3712, None, 3698], [251, None]), 4321, {5: (9123, 87), 6: (1530, 20)}, 2))
show(Logger(sample_of(0, 0, [0, 70000], [32767]), 0, {5: (9000, 90000), 6: (99999999, 20)}, 70000))
show(Logger(sample_of(None, None, [None], [])))
