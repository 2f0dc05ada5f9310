"""The logger: takes a sample in every slot, and between the slots keeps, signs and hands over what they came to.

Decides what is done next, in steps that are each short: a signature is made in about 50 of them, so that no slot passes
while one is made. Obeys docs/record.md section 4: entries are on flash before their checkpoint is signed (4.3), one
root a size, sizes rise (4.4), at once after BOOT, SOH and GAP, else after `checkpoint_every` windows (4.5).

Entries that come while a signature is being made wait in memory until its checkpoint is on flash. So a checkpoint of
size n lies right behind entry n - 1, which is what docs/link.md clause 5 promises the gateway; a power cut can cost the
windows of one signature, and no window that anybody was told of.
"""

from logger.core import cose, ed25519, entries
from logger.core.sampling import MAX_BRIDGED_SLOTS, Integrator, Sample, Window
from logger.core.sectorlog import LogFullError
from logger.core.soh import Estimator

MAX_WAITING = 4


class Key:
    """What a board signs with."""

    def __init__(self, seed, label):
        """seed: 32 random bytes, secret; label: 16 random bytes."""
        self.seed = seed
        self.public = ed25519.public_key(seed)
        self.genesis = entries.genesis(self.public, label)


class Gap:
    """Windows that a full log could not keep, until a GAP entry says so."""

    def __init__(self, windows, first_ms, last_ms):
        self.windows = windows
        self.first_ms = first_ms
        self.last_ms = last_ms


class Logger:
    """Everything a board does, short of moving bytes: see step, and link.BoardLink for the other side.

    config: a dict with rated_capacity_mah, cell_blocks, strings, sample_ms, window_ms, checkpoint_every, clock_rate and
    service_public_key (32 bytes). source: read(sample) fills a Sample; temperature_sensors and kind (docs/record.md,
    BOOT key 3) say what it is.
    """

    def __init__(self, config, log, key, source, firmware_hash, reset_cause):
        self.config = config
        self.log = log
        self.genesis = key.genesis
        self.boot = log.progress.boot + 1
        self.uptime_ms = self._start_ms = log.progress.uptime_ms
        self.slots_missed = 0
        self.windows_lost = 0
        self.receipts_refused = 0
        self.receipts_settled = 0
        self._key = key
        self._source = source
        self._sample = Sample(config["cell_blocks"], source.temperature_sensors)
        self._window = Window(config["cell_blocks"], source.temperature_sensors)
        self._window_began_ms = self._next_slot_ms = self._start_ms
        self._window_ends_ms = self._start_ms + config["window_ms"]
        self._integrator = Integrator(log.progress.counters, MAX_BRIDGED_SLOTS * config["sample_ms"])
        self._estimator = Estimator(config["rated_capacity_mah"], config["cell_blocks"], config["sample_ms"])
        self._waiting = []  # (type, uptime_ms, body) not on flash yet
        self._gap = None
        self._is_full = False  # since an entry found no room, until a receipt is kept
        self._work = None  # the generator at work
        self._offered = None  # a receipt that waits to be verified
        self._windows_unsigned = 0
        self._is_checkpoint_due = log.size > log.checkpointed_size
        if not log.size:
            log.append(key.genesis)
        boot = entries.boot_body(firmware_hash, reset_cause, source.kind, config)
        self._waiting.append((entries.BOOT, self._start_ms, boot))

    def step(self, elapsed_ms):
        """Does what is due most, given the time since the start. True when there is more to do right now."""
        self.uptime_ms = self._start_ms + elapsed_ms
        if self.uptime_ms >= self._next_slot_ms:
            self._take_sample()
        if self._work is not None:  # after a sample too: a board that is always late must still keep and sign
            self._work_on()
        elif self._can_keep():
            self._keep()
        if self._work is None:
            self._work = self._next_work()
        return self._work is not None or self._can_keep()

    def ms_to_next_slot(self):
        return self._next_slot_ms - self.uptime_ms

    def offer_receipt(self, content):
        """Takes a receipt to verify when there is time: one at a time, the newest."""
        try:
            receipt = cose.Receipt(content, self.log.log_id, self.config["service_public_key"])
            if receipt.size <= self.log.receipted_size:
                self.receipts_settled += 1  # sent again: it says nothing new
            else:
                self._offered = receipt
        except cose.ReceiptError:
            self._refuse_receipt()

    # ---- samples and windows

    def _take_sample(self):
        late_slots = (self.uptime_ms - self._next_slot_ms) // self.config["sample_ms"]
        self._next_slot_ms += (late_slots + 1) * self.config["sample_ms"]
        self.slots_missed += late_slots
        self._window.slots_missed += late_slots
        sample = self._sample
        self._source.read(sample)
        self._window.add(sample, sample.refuse_impossible())
        if sample.current_ma is not None:
            flow = self._integrator.add(self.uptime_ms, sample.current_ma, sample.pack_mv)
            self._estimator.add(sample, flow)
        if self.uptime_ms >= self._window_ends_ms:
            self._end_window()

    def _end_window(self):
        duration_ms = self.uptime_ms - self._window_began_ms
        soc_cpct = self._estimator.soc_cpct()
        body = self._window.body(duration_ms, soc_cpct, self._integrator.counters, self._sample)
        self._window.reset()
        self._window_began_ms = self.uptime_ms
        late_windows = (self.uptime_ms - self._window_ends_ms) // self.config["window_ms"]
        self._window_ends_ms += (late_windows + 1) * self.config["window_ms"]
        if self._gap or self._is_full:
            self._lose_window(self.uptime_ms - duration_ms, self.uptime_ms)
            return
        self._estimator.note_window(self.log.size + len(self._waiting))
        self._waiting.append((entries.WINDOW, self.uptime_ms, body))
        statement = self._estimator.statement()
        if statement:
            self._waiting.append((entries.SOH, self.uptime_ms, statement))
        if len(self._waiting) > MAX_WAITING:
            self._catch_up()

    def _catch_up(self):
        """A signature takes longer than the windows that may wait: finish it, and miss slots, which are counted."""
        while self._work is not None:
            self._work_on()
        while self._can_keep():
            self._keep()

    # ---- the log

    def _can_keep(self):
        return not self._is_full and bool(self._waiting or (self._gap and self.log.has_free_sector()))

    def _keep(self):
        """Makes one waiting entry durable, or the GAP entry when there is room for more than it again."""
        try:
            if self._waiting:
                self._append(*self._waiting[0])
                self._waiting.pop(0)
            else:
                gap = self._gap
                self._append(entries.GAP, self.uptime_ms, entries.gap_body(gap.windows, gap.first_ms, gap.last_ms))
                self._gap = None
        except LogFullError:
            self._lose_waiting()

    def _append(self, kind, uptime_ms, body):
        self.log.append(entries.encode(kind, self.log.size, self.boot, uptime_ms, body))
        if kind == entries.WINDOW:
            self._windows_unsigned += 1
        if kind != entries.WINDOW or self._windows_unsigned >= self.config["checkpoint_every"]:
            self._is_checkpoint_due = True

    def _lose_waiting(self):
        """The log is full: waiting windows are counted for the GAP entry. BOOT waits on, before it.

        What is in the log is signed now, however few windows it is: only what a checkpoint covers is ever freed.
        """
        self._is_full = True
        self._is_checkpoint_due = self.log.size > self.log.checkpointed_size
        waiting, self._waiting = self._waiting, []
        for kind, uptime_ms, body in waiting:
            if kind == entries.WINDOW:
                self._lose_window(uptime_ms - body[1], uptime_ms)
            elif kind == entries.BOOT:
                self._waiting.append((kind, uptime_ms, body))

    def _lose_window(self, first_ms, last_ms):
        self.windows_lost += 1
        self._estimator.forget()  # a statement must rest on windows that are in the log
        if self._gap is None:
            self._gap = Gap(0, first_ms, last_ms)
        self._gap.windows += 1
        self._gap.last_ms = last_ms

    # ---- signatures and receipts, step by step

    def _next_work(self):
        if self._offered:
            receipt, self._offered = self._offered, None
            return self._settle_receipt(receipt)
        if self._is_checkpoint_due and (self._is_full or not self._waiting):
            return self._sign_checkpoint()
        return None

    def _work_on(self):
        try:
            next(self._work)
        except StopIteration:
            self._work = None

    def _sign_checkpoint(self):
        log = self.log
        self._is_checkpoint_due = False
        self._windows_unsigned = 0
        size = log.size
        # the time of the newest entry, not of now: a restart resumes from there, and time must not run back
        payload = cose.checkpoint_payload(log.log_id, size, log.root, self.boot, log.progress.uptime_ms)
        signature = None
        for signature in ed25519.sign_steps(self._key.seed, self._key.public, cose.checkpoint_message(payload)):
            if signature is None:
                yield
        content = cose.checkpoint(payload, signature)
        try:
            log.append_checkpoint(size, content)
        except LogFullError:
            log.hold_checkpoint(size, content)

    def _settle_receipt(self, receipt):
        """Verifies, keeps, and frees (docs/link.md clause 7)."""
        service_key = self.config["service_public_key"]
        if receipt.size <= self.log.receipted_size:  # a larger one was settled while this one waited
            self.receipts_settled += 1
            return
        try:
            own = self.log.checkpoint_of(receipt.size)
            if own is None or cose.checkpoint_root(own) != receipt.root:
                raise cose.ReceiptError("for a root that this board has not signed")
            for _ in ed25519.verify_steps(service_key, receipt.message, receipt.signature):
                yield
            self.log.append_receipt(receipt.size, receipt.content)
            self._is_full = False
        except (cose.ReceiptError, ed25519.SignatureError):
            self._refuse_receipt()
            return
        except LogFullError:
            pass  # it would have freed nothing; the one for the next checkpoint will
        self.receipts_settled += 1

    def _refuse_receipt(self):
        self.receipts_refused += 1
        self.receipts_settled += 1
