"""Why a board has started: what its port says, and the mark that its last life left where only a loss of power erases.

Ports merge causes: STM32 clears the chip's flags before Python runs and reports a brown-out as power on and a hard
fault as a reset pin, RP2 knows nothing but its watchdog, ESP32 reports a panic as a restart (their modmachine.c). The
mark tells them apart: it says that the firmware was running, or that it restarted on purpose.
"""

UNKNOWN, POWER_ON, WATCHDOG, SOFTWARE, BROWN_OUT, HARD_FAULT, OTHER = range(7)  # docs/record.md, BOOT key 2

# what a board's port says, in words of ours: pin or fault, a restart from Python, a sleep that has ended
BY_POWER, BY_WATCHDOG, BY_PIN, BY_SOFTWARE, BY_SLEEP, BY_BROWN_OUT, BY_NOTHING_KNOWN = range(7)

NO_MARK, RUNNING, RESTARTING = 0, 0x5EA10001, 0x5EA10002  # words that no memory shows by chance after a power loss

_WITHOUT_MARK = {
    BY_POWER: POWER_ON,
    BY_WATCHDOG: WATCHDOG,
    BY_PIN: OTHER,
    BY_SOFTWARE: SOFTWARE,
    BY_SLEEP: OTHER,
    BY_BROWN_OUT: BROWN_OUT,
}
_WHILE_RUNNING = {
    BY_POWER: BROWN_OUT,  # the supply fell too low for the processor and not for the mark
    BY_PIN: HARD_FAULT,  # or somebody pressed reset: no port tells those apart
    BY_SOFTWARE: HARD_FAULT,  # a restart that nobody here asked for
}


def reset_cause(by, mark):
    """docs/record.md, BOOT key 2. mark: what stood there at the start, any 32-bit word."""
    if mark == RESTARTING and by in (BY_WATCHDOG, BY_PIN, BY_SOFTWARE):  # RP2 restarts by its watchdog
        return SOFTWARE
    if mark == RUNNING and by in _WHILE_RUNNING:
        return _WHILE_RUNNING[by]
    return _WITHOUT_MARK.get(by, UNKNOWN)
