"""The real boards' modules on stand-ins of their ports: `boards_life.py TEST PORT FOLDER FIRMWARE`. Prints JSON."""

import json
import os
import sys
from binascii import hexlify
from hashlib import sha256

import stand_ins

from logger.core import cbor, life, slots
from logger.core.link import CHECKPOINT, ENTRY, HELLO, STATUS, WANT, FrameReceiver, encode_frame

LINK_UARTS = {"stm32": 6, "rp2": 0, "esp32": 2}
CONFIG = {
    "service_public_key": "ab" * 32,
    "rated_capacity_mah": 10000,
    "cell_blocks": 12,
    "strings": 2,
    "sample_ms": 100,
    "window_ms": 1000,
    "checkpoint_every": 1,
    "time_every_ms": 600000,
    "chemistry": "nmc",
    "source": "simulator",
    "simulator": {"origin_unix_ms": 0, "true_capacity_mah": 9100, "seed": 1},
}


class EnoughError(Exception):
    pass


def prepared(port, folder, firmware, config=CONFIG, cause=1):
    """(stand-ins, main, board's module): as the loader would have it."""
    parts = stand_ins.install(port, cause=cause)
    sys.path.insert(0, firmware)
    sys.path.insert(0, firmware + "/boards/" + port)
    if config is not None:
        with open(folder + "/config.json", "w") as file:
            file.write(json.dumps(config))
    import board

    import main

    board.firmware_hash = lambda root: bytes(32)
    return parts, main, board


def heard(uart, receiver):
    content, uart.sent = bytes(uart.sent), bytearray()
    return receiver.feed(content)


def run_until(main, parts, uart, is_enough, turns=4000):
    """Runs the real loop; its sleep is where the test looks."""
    board, logger, link = parts
    frames, receiver, count = [], FrameReceiver(), [0]
    sleep_ms = board.sleep_ms

    def look(duration_ms):
        frames.extend(heard(uart, receiver))
        count[0] += 1
        if is_enough(frames):
            raise EnoughError
        assert count[0] < turns, frames
        sleep_ms(duration_ms)

    board.sleep_ms = look
    try:
        main.run(board, logger, link)
    except EnoughError:
        pass
    return frames


def first(port, folder, firmware):
    """To the first checkpoint and a window behind it, on a new board."""
    stand_in, main, board_module = prepared(port, folder, firmware)
    running = main.set_up(folder)
    uart = stand_ins.UART.made[LINK_UARTS[port]]
    uart.received.extend(encode_frame(WANT, cbor.encode([0, 100, 1])))
    kinds = (HELLO, CHECKPOINT, STATUS)

    def is_enough(frames):
        windows = [1 for kind, body in frames if kind == ENTRY and cbor.decode(body)[0] == 2]
        return windows and all(kind in [frame[0] for frame in frames] for kind in kinds)

    frames = run_until(main, running, uart, is_enough)
    entries = [cbor.decode(body) for kind, body in frames if kind == ENTRY]
    boot = next(entry for entry in entries if entry[0] == 1)[4]
    return {
        "types": [entry[0] for entry in entries][:4],
        "cause": boot[2],
        "source": boot[3],
        "watchdog_ms": stand_ins.WDT.timeout,
        "is_fed": stand_ins.WDT.fed > 4,
        "baud": uart.baud,
        "sectors": running[0].flash.sectors,
        "is_good_kept": "config.good.json" in os.listdir(folder),
    }


def factory(port, folder, firmware):
    """Without any configuration: says who it is, samples nothing, believes nobody."""
    _, main, _ = prepared(port, folder, firmware, config=None)
    running = main.set_up(folder)
    uart = stand_ins.UART.made[LINK_UARTS[port]]
    frames = run_until(main, running, uart, lambda frames: frames)
    logger = running[1]
    logger.requests.offer_receipt(b"\x01")
    logger.requests.offer_order(b"\x01")
    return {
        "hello": frames[0][0] == HELLO,
        "source": running[0].source.kind,
        "refused": [logger.config_refused, logger.requests.receipts_refused, logger.requests.orders_refused],
    }


def fallen_back(port, folder, firmware):
    """An unknown key: the last good one runs, and STATUS would say so."""
    _, main, board_module = prepared(port, folder, firmware)
    main.set_up(folder)
    wrong = dict(CONFIG)
    wrong["windows_ms"] = 1000
    with open(folder + "/config.json", "w") as file:
        file.write(json.dumps(wrong))
    _, logger, _ = main.set_up(folder)
    return [logger.config_refused, logger.config["window_ms"]]


AGES = {"max_age_ms": 3000, "poll_ms": 500, "timeout_ms": 500, "temperature_sensors": 2}
MONITOR = {"device": 76952, "address": 8, "crc": 1, "cell_inputs": 0x0FFF, "thermistors": 3, "current_unit_ua": 1000}
MONITOR.update({"sense_uohm": 0, "configures": 0, "max_age_ms": 3000, "poll_ms": 100})
BUS = {"bitrate": 500000, "data_bitrate": 0, "oscillator_hz": 0, "silent": 0}


def with_source(name, settings):
    config = dict(CONFIG)
    del config["simulator"]
    config["source"] = name
    config[name] = settings
    return config


def bms(port, folder, firmware):
    """[kind of the source, has a current, has values missing] of a window, for each source at a dead line."""
    stand_in, main, board_module = prepared(port, folder, firmware)
    daly = dict(AGES)
    daly.update({"board": 1, "first_frame": 1, "positive_charges": 0})
    outcomes = {}
    for name, settings in (("jbd", AGES), ("daly", daly), ("bq769x2", MONITOR)):
        with open(folder + "/config.json", "w") as file:
            file.write(json.dumps(with_source(name, settings)))
        running = main.set_up(folder)
        assert not running[1].config_refused
        uart = stand_ins.UART.made[LINK_UARTS[port]]
        uart.received.extend(encode_frame(WANT, cbor.encode([0, 100, 1])))
        at = running[1].log.size
        frames = run_until(main, running, uart, lambda frames, at=at: windows(frames, at))
        window = windows(frames, at)[0]
        outcomes[name] = [running[0].source.kind, 4 in window, window.get(13, 0) > 0]
    return outcomes


def windows(frames, at):
    entries = [cbor.decode(body) for kind, body in frames if kind == ENTRY]
    return [entry[4] for entry in entries if entry[0] == 2 and entry[1] >= at]


def can(port, folder, firmware):
    """What the console would say of a CAN source without a bus, without a table, with another one, with too fast a bus;
    and, where the link is on CAN, whether there is a hub."""
    stand_in, main, board_module = prepared(port, folder, firmware)
    main.set_up(folder)
    said = []
    from logger.device import Device

    Device.say = lambda self, words: said.append(words.split(": ", 1)[1].split(";")[0])
    config = with_source("can", {"max_age_ms": 1000, "max_slow_age_ms": 5000, "table": "00" * 32})
    _start(main, folder, config)
    config["can_bus"] = BUS
    _start(main, folder, config)
    with open(folder + "/can.table", "wb") as file:
        file.write(b"no table")
    _start(main, folder, config)
    config["can_bus"] = dict(BUS)
    config["can_bus"]["bitrate"] = 333333
    _start(main, folder, config)
    linked = dict(CONFIG)
    linked["can_bus"] = BUS
    linked["can_link"] = {"address": 3, "live_ms": 1000}
    board = _start(main, folder, linked)
    return [said, board.can_hub is not None]


def can_alone(port, folder, firmware):
    """[kind of the source, has values missing] of a window, where the BMS is on CAN and the gateway is not."""
    stand_in, main, board_module = prepared(port, folder, firmware)
    with open(folder + "/can.table", "rb") as file:
        table = hexlify(sha256(file.read()).digest()).decode()
    config = with_source("can", {"max_age_ms": 1000, "max_slow_age_ms": 5000, "table": table})
    config["can_bus"] = BUS
    with open(folder + "/config.json", "w") as file:
        file.write(json.dumps(config))
    running = main.set_up(folder)
    assert not running[1].config_refused
    uart = stand_ins.UART.made[LINK_UARTS[port]]
    uart.received.extend(encode_frame(WANT, cbor.encode([0, 100, 1])))
    window = windows(run_until(main, running, uart, lambda frames: windows(frames, 0)), 0)[0]
    return [running[0].source.kind, window.get(13, 0) > 0]


def _start(main, folder, config):
    with open(folder + "/config.json", "w") as file:
        file.write(json.dumps(config))
    return main.set_up(folder)[0]


def marks(port, folder, firmware):
    """[what the mark says after a set-up, the cause of a start behind it, and behind a restart on purpose]."""
    stand_in, main, board_module = prepared(port, folder, firmware)
    board = main.set_up(folder)[0]
    mark = board._port.mark()
    again = main.set_up(folder)[0]
    try:
        again.restart()
    except stand_ins.RestartedError:
        pass
    stand_in.machine.reset_cause = lambda: {"stm32": 2, "rp2": 3, "esp32": 5}[port]
    return [mark == life.RUNNING, again.reset_cause, main.set_up(folder)[0].reset_cause]


def loader(port, folder, firmware):
    """Which slot the loader starts: the good one, one on trial and back, the other one when that does not load, but
    none that was being written over."""
    stand_in = stand_ins.install(port)
    sys.path.insert(0, firmware + "/boards/loader")
    sys.path.insert(0, firmware + "/logger/core")
    sys.path.insert(0, firmware + "/logger/drivers")
    import loader as under_test

    under_test.PAUSE_MS = 0
    root = stand_ins.Module()
    root.mount, root.restart, root.keep_watchdog_fed = lambda: folder, stand_in.machine.reset, lambda: ran.append("fed")
    ran = []
    sys.modules["ran"] = ran
    for slot in "ab":
        os.mkdir(folder + "/" + slot)
        program(folder, slot, "import sys\ndef start(folder, slot):\n    sys.modules['ran'].append(slot)\n")
    files = under_test.Files(folder)
    started(under_test, root)
    slots.Slots(files).offer("b")
    for _ in range(5):
        started(under_test, root)
    program(folder, "b", "def start(folder, slot):\n    raise KeyboardInterrupt\n")
    slots.Slots(files).offer("b")
    started(under_test, root)
    slots.Slots(files).withdraw()
    program(folder, "a", "damaged(")
    program(folder, "b", "import sys\ndef start(folder, slot):\n    sys.modules['ran'].append(slot)\n")
    started(under_test, root)
    started(under_test, root)
    ran.append("neither")
    files.remove(slots.FILE)
    started(under_test, root)
    started(under_test, root)
    return ran


def program(folder, slot, text):
    with open(folder + "/" + slot + "/main.py", "w") as file:
        file.write(text)


def started(under_test, root):
    path = list(sys.path)
    if "main" in sys.modules:
        del sys.modules["main"]
    try:
        under_test.run(root)
    except stand_ins.RestartedError:
        pass
    sys.path[:] = path


tests = {
    "bms": bms,
    "can": can,
    "can_alone": can_alone,
    "first": first,
    "factory": factory,
    "fallen_back": fallen_back,
    "marks": marks,
    "loader": loader,
}
if __name__ == "__main__":
    print(json.dumps(tests[sys.argv[1]](*sys.argv[2:])))
