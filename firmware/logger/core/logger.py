"""The logger: takes a sample in every slot, and between the slots keeps, signs and hands over what they came to.

Decides what is done next, in steps that are each short: a signature is made in about 50 of them, a large window is
blinded in 40, so that no slot passes meanwhile. Obeys docs/record.md section 5.4: entries are on flash before their
checkpoint is signed, one root a size, sizes rise; at once after BOOT, SOH, EVENT, KEY, GAP and SEAL, else after
`checkpoint_every` windows.

Entries that come while other work is done wait in memory until it ends. So a checkpoint of size n lies right behind
entry n - 1, which is what docs/link.md clause 5 promises the gateway; a power cut can cost the windows of one
signature, and no window that anybody was told of.

A change of key and the end of a log are each a row of durable states (keys.Identity, and the log itself), and each
step begins by looking which one it is: so a start goes on where the power was cut.
"""

from logger.core import cose, entries
from logger.core.blinding import leaf_steps
from logger.core.fresh import FreshRead
from logger.core.requests import Requests
from logger.core.sampler import Sampler
from logger.core.sectorlog import LogFullError
from logger.core.steps import finish

MAX_WAITING = 4
# no checkpoint because of them (section 5.4)
_QUIET_KINDS = (entries.WINDOW, entries.TIME, entries.CONFIG, entries.ESTIMATE)
_KEPT_WHILE_FULL = (entries.BOOT, entries.CONFIG, entries.EVENT)


class Logger:
    """Everything a board does, short of moving bytes: see step, and link.BoardLink for the other side.

    config: a dict with rated_capacity_mah, cell_blocks, strings, sample_ms, window_ms, checkpoint_every, time_every_ms,
    clock_rate, service_public_key (32 bytes), settings_digest and, where somebody may give orders, operator_public_key.
    keys: a key store (keys.py). source: see docs/sources.md; read(sample) fills a Sample, temperature_sensors and kind
    (docs/record.md, BOOT key 3) say what it is, `refused` counts what it had to drop.

    Two are for the board to set: `config_refused`, 1 while its newest configuration was refused and the last good one
    runs; `update`, an update.Update where it has two slots.
    """

    config_refused = 0
    update = None

    def __init__(self, config, log, keys, source, firmware_hash, reset_cause):
        self.config = config
        self.log = log
        self.requests = Requests(config, log, keys)
        self._fresh = FreshRead(config["window_ms"], config["sample_ms"], config["clock_rate"])
        self.windows_lost = 0
        self._keys = keys
        self._boot_body = entries.boot_body(firmware_hash, reset_cause, source.kind, config)
        self.last_statement = None  # the body of the newest SOH entry since the start
        self._source = source
        self._sampler = Sampler(config, source)
        self._work = None  # the generator at work
        self._was_request = False  # whether that is, or was, one of `requests`
        self._start_ms = self.uptime_ms = max(log.progress.uptime_ms, log.losses.last_ms)
        self._begin()

    def _begin(self):
        """At the start, and when a new log has been opened."""
        log = self.log
        self.boot = log.progress.boot + 1
        self._log_began_ms = 0  # of uptime_ms; the time of a log that goes on from another begins with the other's SEAL
        self._given_up = None  # (body, began, ended) of a window that a full log keeps the leaf of, if it can
        self._waiting = []  # (type, uptime_ms, body) not on flash yet
        self._is_full = False  # since an entry found no room, until a receipt is kept
        self.first_window_size = None  # of the log, behind the first window that this life has kept in it
        self._windows_unsigned = 0
        self._is_checkpoint_due = log.size > log.checkpointed_size and not log.losses.bare_count
        self._is_closed = log.is_sealed  # no entry may follow
        self._time_ms = log.progress.time_ms
        self._damages_said = log.progress.damages
        self._is_source_silent = log.progress.is_open(entries.EVENT_SILENT)
        self._fresh.begin()
        self._sampler.begin(self.uptime_ms, log.progress)
        identity = self._keys.identity
        self._is_rotation_ahead = identity.next_key is not None and log.size == identity.next_seq
        if self._is_closed:
            return
        if not log.size:
            log.append(identity.genesis)
        self._waiting.append((entries.BOOT, self.uptime_ms, self._boot_body))
        if self._boot_body[2] in entries.FAILURES:
            self._sampler.counters.count(entries.FAILED_STARTS)
        config_body = entries.config_body(self.config["settings_digest"])
        self._waiting.append((entries.CONFIG, self.uptime_ms, config_body))

    @property
    def identity(self):
        return self._keys.identity

    @property
    def slots_missed(self):
        return self._sampler.slots_missed

    @property
    def source_refused(self):
        return self._source.refused

    @property
    def has_work(self):
        """Whether entries wait for their place in the log, or something is under way."""
        return self._work is not None or bool(self._waiting)

    @property
    def sample(self):
        """The newest one; its values change with the next."""
        return self._sampler.sample

    @property
    def estimator(self):
        """That of the log under way."""
        return self._sampler.estimator

    def soc_cpct(self):
        return self._sampler.estimator.soc_cpct()

    def step(self, elapsed_ms):
        """Does what is due most, given the time since the start. True when there is more to do right now."""
        self.uptime_ms = self._start_ms + elapsed_ms
        if self.ms_to_next_slot() <= 0:
            self._take_sample()
        if self._work is not None:  # after a sample too: a board that is always late must still keep and sign
            self._work_on()
        if self._work is None:
            self._work = self._next_work()
        estimator = self._sampler.estimator
        if self._work is None and estimator.has_work:  # which can wait for all else
            estimator.work()
        return self._work is not None or estimator.has_work

    def ms_to_next_slot(self):
        return self._sampler.ms_to_next_slot(self.uptime_ms)

    def note_event(self, event, phase, value=None, place=None):
        """Queues an EVENT entry (docs/record.md section 2). Raises LogFullError when it cannot: say it again later."""
        if self._is_closed or (self._is_full and len(self._waiting) >= MAX_WAITING):
            raise LogFullError("no entry can be kept now")
        self._waiting.append((entries.EVENT, self.uptime_ms, entries.event_body(event, phase, value, place)))

    def offer_nonce(self, nonce):
        """What FRESH_STATE says of it (docs/link.md clause 20): (state, how long to wait in real milliseconds)."""
        return self._fresh.offer(nonce, self.uptime_ms, self._has_room())

    # ---- samples and windows

    def _take_sample(self):
        sampler = self._sampler
        sampler.take(self.uptime_ms - sampler.window_began_ms)
        if sampler.estimator.is_due:
            sampler.estimator.settle()
        if self._is_source_silent and sampler.has_current:
            self._note_source(is_silent=False)
        self._note_watched()
        if self._sampler.is_window_over(self.uptime_ms) or (self._fresh.is_wanted and self._may_end_early()):
            self._end_window()

    def _has_room(self):
        """Whether a window that ends now has a place in the log."""
        return not (self.log.losses.windows or self._is_full or self._is_closed)

    def _may_end_early(self):
        """For a nonce, where that costs nothing but flash: the window says something, and nothing waits before it."""
        is_begun = self._sampler.has_current and self.uptime_ms > self._sampler.window_began_ms
        return is_begun and self._has_room() and not self._waiting

    def _note_watched(self):
        """The EVENT entries that are due, as long as there is room for them: the others are due later, too."""
        while len(self._waiting) < MAX_WAITING and self._sampler.watch.is_due() and not self._is_closed:
            self._waiting.append((entries.EVENT, self.uptime_ms, self._sampler.watch.next_body()))

    def _end_window(self):
        began_ms, has_current = self._sampler.window_began_ms, self._sampler.has_current
        body = self._sampler.end_window(self.uptime_ms, self.log.progress.counters)
        if self._has_room():
            self._keep_window(body)
        else:
            self._give_up_window(body, began_ms, self.uptime_ms)
        if not has_current and not self._is_source_silent:
            self._note_source(is_silent=True)
        self._note_damages()
        if len(self._waiting) > MAX_WAITING:
            self._catch_up()

    def _keep_window(self, body):
        # a change of key that has begun puts its entry before all that wait
        self._sampler.estimator.note_window(self.log.size + len(self._waiting) + self._is_rotation_ahead)
        self._waiting.append((entries.WINDOW, self.uptime_ms, body))
        self._fresh.note_window(self.uptime_ms)
        statement = self._sampler.estimator.statement()
        if statement:
            kind, body = statement
            if kind == entries.SOH:
                self.last_statement = body
            self._waiting.append((kind, self.uptime_ms, body))

    def _note_source(self, is_silent):
        """Event 6. While no entry can be kept it is not said, and the next sample or window asks again."""
        try:
            self.note_event(entries.EVENT_SILENT, entries.BEGINS if is_silent else entries.ENDED)
            self._is_source_silent = is_silent
        except LogFullError:
            pass

    def _note_damages(self):
        """Event 9: records that the log has found unreadable, by their number so far."""
        damages = self.log.losses.damaged
        try:
            if damages > self._damages_said:
                self.note_event(entries.EVENT_FLASH, entries.MOMENTARY, entries.DAMAGED_RECORDS, damages)
                self._damages_said = damages
        except LogFullError:
            pass

    def _catch_up(self):
        """The work at hand takes longer than windows may wait: finish it, and miss slots, which are counted."""
        while self._work is not None:
            self._work_on()
        while self._can_keep():
            finish(self._keep_steps())

    # ---- the log

    def _can_keep(self):
        if self._is_full or self._is_closed or self.identity.next_key:
            return False
        return bool(self._waiting or (self.log.losses.windows and self.log.has_free_sector()))

    def _keep_steps(self):
        """Makes one waiting entry durable, or the GAP entry when there is room for more than it again."""
        try:
            if self._waiting:
                yield from self._append_steps(*self._waiting[0])
                self._waiting.pop(0)
            else:
                lost = self.log.losses
                body = entries.gap_body(lost.cause, lost.windows, lost.first_ms, lost.last_ms, lost.bare)
                yield from self._append_steps(entries.GAP, self.uptime_ms, body)  # which settles as many
        except LogFullError:
            self._note_full()

    def _append_steps(self, kind, uptime_ms, body):
        entry = entries.encode(kind, self.log.size, self.boot, uptime_ms, body)
        leaf = yield from leaf_steps(entry, self.identity.disclosure_seed)
        self.log.append(entry, leaf)
        if kind == entries.WINDOW:
            self._windows_unsigned += 1
            if self._fresh.note_kept(uptime_ms):
                self._is_checkpoint_due = True
            self.first_window_size = self.first_window_size or self.log.size
        if kind not in _QUIET_KINDS or self._windows_unsigned >= self.config["checkpoint_every"]:
            self._is_checkpoint_due = True

    def _note_full(self):
        """The log is full: waiting windows are counted for the GAP entry. What cannot be measured again waits on.

        What is in the log is signed now, however few windows it is: only what a checkpoint covers is ever freed.
        """
        self._is_full = True
        self._is_checkpoint_due = self.log.size > self.log.checkpointed_size and not self.log.losses.bare_count
        waiting, self._waiting = self._waiting, []
        self._fresh.note_lost()
        for kind, uptime_ms, body in waiting:
            if kind == entries.WINDOW:
                self._lose_window(uptime_ms - body[1], uptime_ms)
            elif kind in _KEPT_WHILE_FULL:
                self._waiting.append((kind, uptime_ms, body))

    def _give_up_window(self, body, first_ms, last_ms):
        """Its content, and its place in the tree where there is no room for that either."""
        if self._is_closed or not self._is_full or self.identity.next_key or self._given_up:
            self._lose_window(first_ms, last_ms)
        else:
            self._given_up = body, first_ms, last_ms

    def _keep_leaf_steps(self):
        body, first_ms, last_ms = self._given_up
        entry = entries.encode(entries.WINDOW, self.log.size, self.boot, last_ms, body)
        leaf = yield from leaf_steps(entry, self.identity.disclosure_seed)
        self._given_up = None
        try:
            self.log.append_leaf(leaf, *self._in_log(first_ms, last_ms))
            self._note_lost()
        except LogFullError:
            self._lose_window(first_ms, last_ms)

    def _lose_window(self, first_ms, last_ms):
        self._note_lost()
        cause = entries.CAUSE_SEALING if self._is_closed else entries.CAUSE_LOG_FULL
        self.log.note_loss(1, *self._in_log(first_ms, last_ms), cause)

    def _note_lost(self):
        self.windows_lost += 1
        self._sampler.estimator.forget()  # a statement must rest on windows that are in the log

    def _in_log(self, first_ms, last_ms):
        """Times as the log counts them."""
        return max(first_ms - self._log_began_ms, 0), last_ms - self._log_began_ms

    # ---- work, step by step

    def _next_work(self):
        """What is due most. Two requests never follow each other while something of our own is due: who asks without
        end must not keep a board from its log."""
        work = None if self._was_request else self.requests.next_steps(self.uptime_ms)
        self._was_request = work is not None
        if work is None:
            work = self._own_work()
        if work is None:
            work = self.requests.next_steps(self.uptime_ms)
            self._was_request = work is not None
        return work

    def _own_work(self):
        if self._given_up:
            return self._keep_leaf_steps()
        if self._can_keep():
            return self._keep_steps()
        if self._is_closed and self.log.receipted_size == self.log.size:
            return self._open_next_log_steps()
        if self.identity.next_key and not self._is_full:
            return self._rotate_steps()
        if self.requests.order and not (self.log.losses.windows or self._is_full or self._is_closed):
            return self._obey_steps()
        if self._is_checkpoint_due and not self.log.losses.bare_count:  # first their GAP: docs/record.md section 3.3
            return self._sign_checkpoint_steps()
        return None

    def _work_on(self):
        try:
            next(self._work)
        except StopIteration:
            self._work = None
        receipt = self.requests.kept_receipt
        if receipt is not None:
            self.requests.kept_receipt = None
            self._is_full = False
            self._note_time(receipt)

    def _note_time(self, receipt):
        """TIME, section 2. It waits for the next checkpoint, so that no receipt leads to another one."""
        is_early = self._time_ms and self.uptime_ms - self._time_ms < self.config["time_every_ms"]
        if self._is_closed or is_early:
            return
        self._time_ms = self.uptime_ms
        body = entries.time_body(receipt.content, receipt.received_unix_ms)
        self._waiting.append((entries.TIME, self.uptime_ms, body))

    def _sign_checkpoint_steps(self):
        log, key = self.log, self.identity.key
        self._is_checkpoint_due = False
        self._windows_unsigned = 0
        size = log.size
        # the time of the newest entry, not of now: a restart resumes from there, and time must not run back
        nonce = self._fresh.take()
        payload = cose.checkpoint_payload(log.log_id, size, log.root, self.boot, log.progress.uptime_ms, nonce)
        signature = yield from key.sign_steps(cose.message(key.algorithm, cose.CHECKPOINT_PURPOSE, payload))
        content = cose.sign1(key.algorithm, payload, signature)
        try:
            log.append_checkpoint(size, content)
        except LogFullError:
            log.hold_checkpoint(size, content)

    # ---- orders (docs/record.md section 5.7)

    def _obey_steps(self):
        if self._waiting:  # a window has just ended: it belongs before what was ordered
            return
        order, self.requests.order = self.requests.order, None
        if order.kid != cose.key_id(self.identity.key.public):  # the key has changed while the order waited
            self.requests.orders_refused += 1
        elif order.order == cose.ORDER_SEAL:
            try:
                body = entries.seal_body(order.cause, order.content)
                yield from self._append_steps(entries.SEAL, self.uptime_ms, body)
                self._is_closed = True
            except LogFullError:
                self.requests.order = order
                self._note_full()
        else:
            self._is_rotation_ahead = True
            next_key = yield from self._keys.new_key_steps()
            self._keys.save(self.identity.rotating(next_key, self.log.size))

    def _rotate_steps(self):
        """Goes on from wherever a change of key stands: its KEY entry, the old key's last checkpoint, the new key."""
        log, identity = self.log, self.identity
        if log.size == identity.next_seq:
            yield from self._append_rotation_steps(log, identity.next_key)
            if self._is_rotation_ahead:  # there was no room
                return
        if log.receipted_size < log.size:
            if log.checkpointed_size < log.size or log.held_checkpoint:
                yield from self._sign_checkpoint_steps()
            if log.held_checkpoint:  # not durable, and soon nobody could sign it again: wait for its receipt
                self._note_full()
                return
        self._keys.save(identity.rotated())
        self._is_checkpoint_due = False

    def _append_rotation_steps(self, log, next_key):
        payload = cose.possession_payload(next_key, log.log_id)
        message = cose.message(next_key.algorithm, cose.ROTATION_PURPOSE, payload)
        possession = yield from next_key.sign_steps(message)
        uptime_ms = self._waiting[0][1] if self._waiting else self.uptime_ms  # those come behind it
        try:
            body = entries.rotation_body(next_key.algorithm, next_key.public, possession)
            yield from self._append_steps(entries.KEY, uptime_ms, body)
            self._is_rotation_ahead = False
        except LogFullError:
            self._note_full()

    def _open_next_log_steps(self):
        """The SEAL has its receipt. First the key file: from then on a start takes what is left of the old log away."""
        log, sealed_ms = self.log, self.log.progress.uptime_ms
        identity = self.identity.succeeded(log.size, log.root)
        self._keys.save(identity)
        self._log_began_ms = sealed_ms
        yield from log.start_anew_steps(identity.log_id, identity.disclosure_seed)
        self._lose_window(self._sampler.window_began_ms, self.uptime_ms)  # the one under way
        self._start_ms -= sealed_ms
        self.uptime_ms -= sealed_ms
        self.requests.begin()
        self._begin()
