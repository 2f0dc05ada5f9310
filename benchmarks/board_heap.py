"""What the firmware leaves in the heap, on the emulated board: prints one line `name value` for each figure.

`sys.path` says where the firmware is: in the ROM file system, whose code runs in place, or in littlefs, whose code is
loaded into the heap. "Live" is what is in use after a collection; the peak is that after every step of the logger while
it takes samples, signs, and verifies receipts. Then its estimator sees three quarters of a simulated pack's cycle, four
rests, and works on them: the most that is in use at that.
"""

import gc

gc.threshold(4096)  # as on boards (firmware/boards/loader/boot.py)

WINDOWS = 12
HEALTH_SAMPLES = 2520
SERVICE_SEED = bytes(range(32))


def note(name, value):
    print(name, value)


def live_bytes():
    gc.collect()
    return gc.mem_alloc()


start_bytes = live_bytes()
import main  # noqa: E402

board, logger, link = main.set_up("/flash")
set_up_bytes = live_bytes()

from logger.core import cbor, cose, ed25519  # noqa: E402
from logger.core.link import RECEIPT, WANT, encode_frame  # noqa: E402
from logger.core.sampling import Integrator, Sample  # noqa: E402
from logger.drivers.simulator import SimulatedPack  # noqa: E402

gc.collect()
SERVICE_KEY = ed25519.public_key(SERVICE_SEED)
KID = cose.key_id(SERVICE_KEY)


def receipt():
    """For the whole log, as the service would sign it."""
    log = logger.log
    protected = cbor.encode({1: cose.ED25519, 4: KID})
    payload = cbor.encode([1, log.log_id, log.size, log.root, 0, 1700000000000, bytes(16), None])
    message = cbor.encode(["Signature1", protected, b"packseal/receipt/1", payload])
    signature = ed25519.sign(SERVICE_SEED, SERVICE_KEY, message)
    return cbor.encode(cbor.Sign1([protected, {}, payload, signature]))


class Meter:
    """Lets the board do all that is due, and notes the most that is in use on the way."""

    def __init__(self):
        self.peak_bytes = set_up_bytes
        self.now_ms = 0

    def work(self):
        while logger.step(self.now_ms):
            self._note()
            while link.next_frame():
                self._note()

    def window(self):
        size = logger.log.size
        while logger.log.size == size:
            self.now_ms += board.config["sample_ms"]
            self.work()

    def _note(self):
        self.peak_bytes = max(self.peak_bytes, live_bytes())


meter = Meter()
link.feed(encode_frame(WANT, cbor.encode([0, 1 << 20, 1])))
for _ in range(WINDOWS):
    meter.window()
    if logger.log.checkpointed_size == logger.log.size:
        link.feed(encode_frame(RECEIPT, receipt()))
        meter.work()


def health_peak():
    """The estimator of the board that runs, fed beside its sampler. Looked at in each eighth step."""
    config = board.config
    now_ms, steps, peak_bytes, window = [0], 0, 0, logger.log.size
    blocks, strings, rated_mah = config["cell_blocks"], config["strings"], config["rated_capacity_mah"]
    pack = SimulatedPack(lambda: now_ms[0], blocks, strings, rated_mah, rated_mah * 91 // 100, 1)
    sample, integrator = Sample(blocks, strings), Integrator([0] * 4, 60000)
    estimator = logger._sampler.estimator
    for slot in range(HEALTH_SAMPLES):
        now_ms[0] = slot * 1000
        pack.read(sample)
        estimator.add(sample, integrator.add(now_ms[0], sample.current_ma, sample.pack_mv))
        if slot % 60 == 59:
            window += 1
            estimator.note_window(window)
            estimator.statement()
            board.feed_watchdog()
        while estimator.has_work:
            estimator.work()
            steps += 1
            if steps % 8 == 0:
                peak_bytes = max(peak_bytes, live_bytes())
                board.feed_watchdog()
    return peak_bytes


note("start", start_bytes)
note("set_up", set_up_bytes)
note("peak", meter.peak_bytes)
note("health_peak", health_peak())
note("size", logger.log.size)
note("receipted", logger.log.receipted_size)
note("receipts_refused", logger.requests.receipts_refused)
note("heap", gc.mem_alloc() + gc.mem_free())
