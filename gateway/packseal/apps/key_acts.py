"""The acts of a passport service's log: what they come to, which new ones are taken, what the service states itself.

Decides whose word about a key counts here: an act's, or that of the settings. What one act may say is records/acts.py's
part, and what all come to keyring.py's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from packseal.errors import ConfigError, EvidenceError, Reason, UnavailableError
from packseal.io.passport_rows import LogHead, OvertakenError, SignedAct
from packseal.io.passport_storing import PassportStoring
from packseal.passport.keyring import Keyring, already_bound
from packseal.passport.settings import PassportSettings
from packseal.records.acts import Authority, Bind, Role, Statement, sign_act, verify_act
from packseal.records.checkpoint import SALT_BYTES
from packseal.records.cose import Sign, VerifyingKey
from packseal.records.entries import genesis_key
from packseal.records.note import LogCheckpoint, sign_log_checkpoint

TRIES = 8  # of what other workers were quicker with


class KeyActs:
    """`keyring` is what all acts so far come to. Not safe for threads: the service calls it one at a time."""

    def __init__(
        self,
        settings: PassportSettings,
        store: PassportStoring,
        sign: Sign,
        public_key: bytes,
        now_unix_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        """Raises UnavailableError, also for acts that are not what was stored."""
        self._settings, self._store = settings, store
        self._sign, self._public_key = sign, public_key
        self._now_unix_ms, self._random_bytes = now_unix_ms, random_bytes
        self.keyring = Keyring.of(settings, public_key)
        self.seen = 0  # acts of so many entries of the log are in the keyring
        self.refresh()

    def refresh(self) -> bool:
        """Takes up what other workers have stored. -> whether there was anything. Raises UnavailableError."""
        new = self._store.log.verified_acts(self.seen)
        for index, act in new:
            self.keyring = self.keyring.after(act, index)
            self.seen = index + 1
        return bool(new)

    def take(self, content: bytes) -> int:
        """Keeps a new act. -> its index in the log. Raises EvidenceError, UnavailableError."""
        return self._stored(lambda: [self._taken(content)])

    def _taken(self, content: bytes) -> SignedAct:
        self.check_own_key()
        act = verify_act(content, self._authorities())
        if isinstance(act.statement, Bind):
            self._check_bind(act.statement)
        self.keyring.with_act(act, self._store.log.size())
        return SignedAct(content, act)

    def _stored(self, made: Callable[[], list[SignedAct]]) -> int:
        """made: the acts, by all that is known at the moment. -> the index of the last of them"""
        for _ in range(TRIES):
            acts = made()
            if not acts:
                break
            try:
                last = self._store.store_acts(acts, self.signed_note, self.seen)
            except OvertakenError:
                self.refresh()
                continue
            for index, signed in enumerate(acts, last + 1 - len(acts)):
                self.keyring = self.keyring.after(signed.act, index)
            self.seen = last + 1
            return last
        else:
            raise UnavailableError(f"{self._store.where}: other workers store acts all the time; try again")
        return self.seen - 1

    def check_own_key(self) -> None:
        index = self.keyring.revoked.get(self._public_key)
        if index is not None:
            words = f"this service's key was revoked at index {index} of its log; give it the key that took its place"
            raise UnavailableError(words)

    def signed_note(self, size: int, root: bytes) -> bytes:
        return sign_log_checkpoint(LogCheckpoint(self._settings.origin, size, root), self._sign, self._public_key)

    def _authorities(self) -> tuple[Authority, ...]:
        """Devices too: each may revoke and rotate its own key."""
        return (*self.keyring.authorities, *self.keyring.enrolled.values())

    def own_act(self, statement: Statement) -> SignedAct:
        key = VerifyingKey(self._public_key)
        salt, now_unix_ms = self._random_bytes(SALT_BYTES), self._now_unix_ms()
        content = sign_act(statement, salt, now_unix_ms, self._sign, key)
        return SignedAct(content, verify_act(content, [Authority(key, Role.SERVICE)]))

    def state_bindings(self) -> None:
        """What the settings bind is an act in the log as well, so that it can be watched. A service whose own key was
        revoked has nothing more to state: nobody would take it. Raises ConfigError."""
        if self._public_key in self.keyring.revoked:
            return
        wanted = [
            Bind(source.public_key, battery.id, source.evidence_class)
            for battery in self._settings.batteries
            for source in battery.sources
        ]
        self._stored(lambda: self._to_be_stated(wanted))

    def _to_be_stated(self, wanted: Sequence[Bind]) -> list[SignedAct]:
        for bind in wanted:
            try:
                self._check_unmoved(bind)
            except EvidenceError as error:
                raise ConfigError(f"passport.toml: battery {bind.battery!r}: {error.detail}") from None
        return [self.own_act(bind) for bind in wanted if not self._is_bound(bind)]

    def _check_unmoved(self, bind: Bind) -> None:
        """What an act has bound stays so. Settings may correct a slip of the pen: the class, and the battery as long
        as no record has come. Raises EvidenceError(ALREADY_BOUND)."""
        bound = self.keyring.bound.get(bind.public_key)
        if bound is None or self._is_bound(bind):
            return
        if not bound.is_stated or (bound.battery != bind.battery and self.heads_of(bind.public_key)):
            words = already_bound(bind.public_key, bound.battery, bound.evidence_class)
            raise EvidenceError(Reason.ALREADY_BOUND, words)

    def _check_bind(self, bind: Bind) -> None:
        """Two words about one key would let each reader believe another battery."""
        found = self._settings.enrolled(bind.public_key)
        if found:
            battery, source = found
            if (battery.id, source.evidence_class) != (bind.battery, bind.evidence_class):
                words = already_bound(bind.public_key, battery.id, source.evidence_class)
                raise EvidenceError(Reason.ALREADY_BOUND, f"by passport.toml, {words}")
        self._check_unmoved(bind)

    def _is_bound(self, bind: Bind) -> bool:
        bound = self.keyring.bound.get(bind.public_key)
        return bound is not None and (bound.battery, bound.evidence_class) == (bind.battery, bind.evidence_class)

    def heads_of(self, public_key: bytes) -> list[LogHead]:
        """The stored logs that this key opened."""
        heads = [head for head in self._store.heads_opened_by(public_key) if head.has_own_genesis]
        return [head for head in heads if genesis_key(head.genesis).public_key == public_key]
