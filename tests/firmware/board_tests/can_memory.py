"""`can_memory.py CHIP`, a table in hexadecimal on standard input (MicroPython only): what a CAN source takes of the
heap, its code included, before a chip that answers nothing. Prints the bytes."""

import gc
import sys


class Nothing:
    def write_readinto(self, _content, buffer):
        for i in range(len(buffer)):
            buffer[i] = 0

    def select(self, _level):
        pass

    def read(self):
        return b""

    def write(self, content):
        return len(content)


def made(chip):
    nothing = Nothing()
    if chip == "mcp2515":
        from logger.drivers.mcp2515 import MCP2515

        return MCP2515(nothing, nothing.select, 500000, 8000000)
    if chip == "mcp2518fd":
        from logger.drivers.mcp2518fd import MCP2518FD

        return MCP2518FD(nothing, nothing.select, 500000, 40000000, 2000000)
    from logger.drivers.slcan import Slcan

    return Slcan(nothing, 500000)


def main(chip):
    content = sys.stdin.read()
    gc.collect()
    before = gc.mem_alloc()
    from logger.core.can_source import CanSource
    from logger.core.can_table import CanTable

    gc.collect()
    table = CanTable(bytes.fromhex(content))
    gc.collect()
    source = CanSource(made(chip), table, table.cells, {"max_age_ms": 500, "max_slow_age_ms": 3000})
    gc.collect()
    print(gc.mem_alloc() - before, source.refused)


main(sys.argv[1])
