"""The passport service: takes deliveries, answers with signed receipts, and knows each battery's passport.

The key that signed decides which battery a delivery is for; the topic it came on is only noted. Receiving is
idempotent: what comes twice, late or out of order is answered with the receipt for its size, or with what is missing.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence

from packseal.apps.key_acts import KeyActs
from packseal.apps.lives import Lives
from packseal.apps.opinions import Opinions
from packseal.apps.passport_states import Marks, PassportStates
from packseal.apps.receiving import Answer, Receiver
from packseal.apps.stored_deliveries import Source, StoredDeliveries, StoredLog
from packseal.errors import UnavailableError
from packseal.io.passport_rows import LogHead
from packseal.io.passport_storing import PassportStoring
from packseal.io.refusals_table import Refusal
from packseal.passport.document import Json, document
from packseal.passport.fold import Passport
from packseal.passport.settings import BatterySettings, PassportSettings
from packseal.records.bodies import Key
from packseal.records.cose import Sign
from packseal.records.entries import genesis_key
from packseal.records.policy import CLASS_ORIGINS, PolicyLog


class PassportService:
    def __init__(
        self,
        settings: PassportSettings,
        store: PassportStoring,
        sign: Sign,
        public_key: bytes,
        now_unix_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        *,
        is_reader: bool = False,
    ) -> None:
        """States in the log what the settings bind; a reader does not, and stores nothing.

        Raises UnavailableError, also for acts that are not what was stored, and ConfigError for settings that bind a
        key whose records are another battery's.
        """
        self.settings = settings
        self.store = store
        self.now_unix_ms = now_unix_ms
        self.public_key = public_key
        self.acts = KeyActs(settings, store, sign, public_key, now_unix_ms, random_bytes)
        self.lives = Lives(store, self.acts)
        self._lock = threading.Lock()
        marks = Marks(sign)
        self.deliveries = StoredDeliveries(store, self._stored_log)
        self.states = PassportStates(store, self.deliveries, marks, is_reader=is_reader)
        self.opinions = Opinions(store, self.deliveries, marks, is_reader=is_reader)
        self._receiver = Receiver(
            self.battery, store, self.acts, self.states, self.opinions, self.deliveries, self.source_of, sign,
            public_key, now_unix_ms, random_bytes,
        )  # fmt: skip
        if not is_reader:
            self.acts.state_bindings()
            store.fleet.keep_settings(settings.batteries)

    def receive(self, topic: str, payload: bytes) -> bytes:
        """The answer to a delivery, for the receipt topic. Raises UnavailableError, with nothing stored, when it could
        not be stored: then there is no answer, and the sender tries again."""
        (answer,) = self.receive_many([(topic, payload)])
        if isinstance(answer, UnavailableError):
            raise answer
        return answer

    def receive_many(self, came: Sequence[tuple[str, bytes]], *, is_patient: bool = False) -> list[Answer]:
        """Answers to deliveries with their topics, in their order; those of different logs and batteries are stored
        together. An UnavailableError in place of an answer: that one was not stored, and its sender tries again.

        is_patient: what goes on from something that is not here yet is not refused; its answer is an EarlyError, and
        the caller waits a while and asks again. Raises UnavailableError when nothing can be taken at all.
        """
        with self._lock:
            return self._receiver.receive_many(came, is_patient=is_patient)

    def take_act(self, content: bytes) -> int:
        """Keeps a signed act. -> its index in the passport log. Raises EvidenceError, UnavailableError."""
        with self._lock:
            known = self.store.log.index_of(content)
            if known is not None:
                self.acts.refresh()
                return known
            return self.acts.take(content)

    def take_statement(self, content: bytes) -> int:
        """Keeps a signed statement about a passport. -> its index in the passport log.

        Raises EvidenceError, UnavailableError.
        """
        with self._lock:
            self.acts.check_own_key()
            return self.lives.take(content)

    def battery(self, battery_id: str) -> BatterySettings | None:
        """What the settings say of a battery, else what its CREATE does; None for one that is not kept here."""
        return self.settings.battery(battery_id) or self.lives.battery(battery_id)

    def passport(self, battery_id: str) -> Passport | None:
        """Raises UnavailableError."""
        battery = self.battery(battery_id)
        return self.states.passport(battery) if battery else None

    def document(self, battery_id: str) -> Json | None:
        """The passport as JSON-able values, as of now."""
        passport = self.passport(battery_id)
        return document(passport, self.now_unix_ms()) if passport else None

    def refusals(self, battery_id: str) -> list[Refusal]:
        return self.store.refusals.of(battery_id)

    def source_of(self, key: Key) -> Source | None:
        """What the settings, or else an act, say of the key that opened a log; None when they say nothing that fits."""
        found = self.settings.enrolled(key.public_key)
        if found:
            source = Source(found[0], found[1].evidence_class)
        else:
            binding = self.acts.keyring.bound.get(key.public_key)
            battery = self.battery(binding.battery) if binding else None
            if binding is None or binding.is_stated or battery is None:
                return None
            source = Source(battery, binding.evidence_class)
        return source if CLASS_ORIGINS[source.evidence_class] is key.origin else None

    def bound_logs(self) -> dict[bytes, PolicyLog]:
        """The logs that the settings bind: what a policy has to say of them, since no act of others does."""
        found = {}
        for head in self.store.heads():
            stored = self._stored_log(head) if head.has_own_genesis else None
            if stored and self.settings.enrolled(stored.key.public_key):
                found[head.log_id] = PolicyLog(stored.source.battery.id, stored.source.evidence_class)
        return found

    def _stored_log(self, head: LogHead) -> StoredLog | None:
        """The battery a stored log is for. A sealed one has ended, and stays when its key leaves the settings. One
        whose genesis was altered has no key and no record that can be believed: it stays listed,
        under the battery it came for, so that the audit is asked about it and its page says so."""
        battery, origin = self.battery(head.battery), CLASS_ORIGINS.get(head.evidence_class)
        before = Source(battery, head.evidence_class) if battery and origin else None
        if not head.has_own_genesis:
            return StoredLog(head, before, Key(b"", origin, b"", b"")) if before and origin else None
        key = genesis_key(head.genesis)
        source = before if head.is_sealed else self.source_of(key)
        return StoredLog(head, source, key) if source else None
