"""Reads jobs: a table in hexadecimal, frames `identifier extended data`, an empty line. Prints for each frame what the
table gives, `slot,state,value` for each field. On MicroPython the heap is locked while a frame is decoded."""

import sys

from logger.core.can_table import CanTable

try:
    import micropython
except ImportError:  # CPython
    micropython = None

MAX_FIELDS = 200


class Taker:
    def __init__(self):
        self.count = 0
        self.slots = [0] * MAX_FIELDS
        self.states = [0] * MAX_FIELDS
        self.values = [0] * MAX_FIELDS

    def take(self, slot, state, value):
        self.slots[self.count] = slot
        self.states[self.count] = state
        self.values[self.count] = value
        self.count += 1


def main():
    table = None
    taker = Taker()
    for line in sys.stdin:
        parts = line.split()
        if not parts:
            table = None
        elif table is None:
            table = CanTable(bytes.fromhex(parts[0]))
        else:
            data = memoryview(bytes.fromhex(parts[2] if len(parts) > 2 else ""))
            can_id, is_extended = int(parts[0]), parts[1] == "1"
            taker.count = 0
            if micropython:
                micropython.heap_lock()
            table.decode(can_id, is_extended, data, taker)
            if micropython:
                micropython.heap_unlock()
            print(*[f"{taker.slots[i]},{taker.states[i]},{taker.values[i]}" for i in range(taker.count)])


main()
