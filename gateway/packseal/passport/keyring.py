"""What all acts of a passport log come to, in its order: who may sign, whose key is whose, which key counts no more.

docs/record.md sections 5.9 and 5.10. A value: `with_act` gives the next one or raises and changes nothing. What the
service's own settings say stands beside it: an operator who runs a service may bind by its settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from packseal.errors import EvidenceError, Reason
from packseal.passport.settings import PassportSettings
from packseal.records.acts import DEVICES, Act, Authority, Bind, Enrol, Noted, Revoke, Role, Rotate
from packseal.records.bodies import Origin
from packseal.records.cose import VerifyingKey
from packseal.records.policy import CLASS_ORIGINS


@dataclass(frozen=True, slots=True)
class Binding:
    """is_stated: by the service, for what stood in its settings; it counts as long as it stands there."""

    battery: str
    evidence_class: str
    index: int
    is_stated: bool = False


@dataclass(frozen=True, slots=True)
class Keyring:
    """authorities: who may sign acts, or once could: what they signed before their key was revoked still counts.
    enrolled: devices whose possession was proven. bound, revoked: by public key, with the index of the act that says
    so; a ROTATE revokes the key that an authority signed with before. changed: from that key to the one it became."""

    authorities: tuple[Authority, ...] = ()
    enrolled: Mapping[bytes, Authority] = field(default_factory=dict)
    bound: Mapping[bytes, Binding] = field(default_factory=dict)
    revoked: Mapping[bytes, int] = field(default_factory=dict)
    changed: Mapping[bytes, bytes] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: PassportSettings, service_key: bytes) -> Keyring:
        """Before the first act: the service itself, and whom its settings name."""
        service = Authority(VerifyingKey(service_key), Role.SERVICE)
        return cls((service, *settings.authorities))

    def with_act(self, act: Act, index: int) -> Keyring:
        """A new act is taken.

        Raises EvidenceError: KEY_REVOKED for a signer, or for a key enrolled or bound, that counts no more, WRONG_ROLE
        for a key that has another role, WRONG_CLASS, UNKNOWN_AUTHORITY for a key that is bound and was never enrolled,
        ALREADY_BOUND, BAD_ROTATION for a new key that is not new.
        """
        self._check_unrevoked(act.authority.key.public_key, "the signer's key")
        match act.statement:
            case Enrol(role, key):
                self._check_enrol(key.public_key, role)
            case Bind(public_key, battery, evidence_class):
                self._check_bind(act, public_key, battery, evidence_class)
            case Rotate(key):
                self._check_new(key.public_key)
            case Revoke(public_key):
                self._check_revoke(act, public_key)
        return self.after(act, index)

    def after(self, act: Act, index: int) -> Keyring:
        """What an act comes to that was taken: also when who signed it, or his role, has changed since."""
        match act.statement:
            case Enrol(role, key):
                return self._with_key(Authority(key, role))
            case Bind(public_key, battery, evidence_class):
                return self._with_binding(
                    public_key, Binding(battery, evidence_class, index, act.authority.role is Role.SERVICE)
                )
            case Rotate(key):
                taken_over = self._with_key(Authority(key, act.authority.role))
                old, is_device = act.authority.key.public_key, act.authority.role in DEVICES
                # a device's old key stays good: its logs are signed with it until they change their key themselves
                if is_device:
                    return taken_over
                return replace(taken_over._without(old, index), changed={**self.changed, old: key.public_key})
            case Revoke(public_key):
                return self._without(public_key, index)
            case Noted():
                return self

    def gateway(self, kid: bytes | None) -> VerifyingKey | None:
        """The gateway of this key id that counts now."""
        keys = (one.key for one in self._known() if one.role is Role.GATEWAY and one.key.public_key not in self.revoked)
        return next((key for key in keys if key.kid == kid), None)

    def authority(self, key: VerifyingKey) -> Authority | None:
        """Whom a key stands for now: itself, or the one that it was changed to; None where that is unknown or revoked.

        Who is responsible for a passport stays so when he changes his key.
        """
        public_key = key.public_key
        while public_key in self.changed:  # ends: nobody changes to a key that was seen before
            public_key = self.changed[public_key]
        known = (one for one in self.authorities if one.key.public_key == public_key)
        return None if public_key in self.revoked else next(known, None)

    def _with_key(self, authority: Authority) -> Keyring:
        if authority.role in DEVICES:
            return replace(self, enrolled={**self.enrolled, authority.key.public_key: authority})
        others = (one for one in self.authorities if one.key.public_key != authority.key.public_key)
        return replace(self, authorities=(*others, authority))

    def _with_binding(self, public_key: bytes, binding: Binding) -> Keyring:
        """What an authority has bound stays its word, whatever the service states beside it."""
        before = self.bound.get(public_key)
        if binding.is_stated and before and not before.is_stated:
            return self
        return replace(self, bound={**self.bound, public_key: binding})

    def _without(self, public_key: bytes, index: int) -> Keyring:
        return replace(self, revoked={public_key: index, **self.revoked})  # the first one counts

    def _check_class(self, public_key: bytes, evidence_class: str) -> None:
        """Refused at once: a binding cannot be put right later."""
        device = self.enrolled.get(public_key)
        if device and (device.role is Role.BOARD) != (CLASS_ORIGINS[evidence_class] is Origin.BOARD):
            name = device.role.name.lower()
            raise EvidenceError(Reason.WRONG_CLASS, f"evidence of class {evidence_class} does not come from a {name}")

    def _check_unrevoked(self, public_key: bytes, whose: str) -> None:
        index = self.revoked.get(public_key)
        if index is not None:
            raise EvidenceError(Reason.KEY_REVOKED, f"{whose} was revoked at index {index} of the passport log")

    def _check_enrol(self, public_key: bytes, role: Role) -> None:
        """A key has one role: what proves a device's possession must not make it somebody's who signs acts."""
        self._check_unrevoked(public_key, "the key")
        roles = {one.role for one in self._known() if one.key.public_key == public_key}
        if roles - {role} or (public_key in self.bound and role not in DEVICES):
            name = min(roles - {role}).name.lower() if roles - {role} else "device"
            raise EvidenceError(Reason.WRONG_ROLE, f"key {public_key.hex()[:16]} is known here already, as a {name}")

    def _check_new(self, public_key: bytes) -> None:
        """A possession can be copied, and a board proves its key to whoever asks: a known key is nobody's new one."""
        known = {one.key.public_key for one in self._known()}
        if public_key in known | self.bound.keys() | self.revoked.keys():
            words = f"key {public_key.hex()[:16]} is known here already; change to a key that was never used"
            raise EvidenceError(Reason.BAD_ROTATION, words)

    def _known(self) -> tuple[Authority, ...]:
        return (*self.authorities, *self.enrolled.values())

    def _check_revoke(self, act: Act, public_key: bytes) -> None:
        """Integrators and operators revoke devices; an authority goes by its own word or by the service's."""
        is_authority = any(one.key.public_key == public_key and one.role not in DEVICES for one in self.authorities)
        if is_authority and act.authority.role is not Role.SERVICE and act.authority.key.public_key != public_key:
            name = act.authority.role.name.lower()
            raise EvidenceError(Reason.WRONG_ROLE, f"a key of role {name} may not revoke that of another authority")

    def _check_bind(self, act: Act, public_key: bytes, battery: str, evidence_class: str) -> None:
        """Once, for ever: else who shows a record could choose among the batteries that its key has spoken for."""
        self._check_unrevoked(public_key, "the key")
        if act.authority.role is not Role.SERVICE and public_key not in self.enrolled:
            words = f"key {public_key.hex()[:16]} was never enrolled; enrol it first, with its possession"
            raise EvidenceError(Reason.UNKNOWN_AUTHORITY, words)
        self._check_class(public_key, evidence_class)
        before = self.bound.get(public_key)
        if before and not (before.is_stated or (before.battery, before.evidence_class) == (battery, evidence_class)):
            raise EvidenceError(Reason.ALREADY_BOUND, already_bound(public_key, before.battery, before.evidence_class))


def already_bound(public_key: bytes, battery: str, evidence_class: str) -> str:
    return (
        f"key {public_key.hex()[:16]} speaks for battery {battery!r} in class {evidence_class}, "
        "and a key is bound once; change the board's key, seal its log, and bind the key that opens the next one"
    )
