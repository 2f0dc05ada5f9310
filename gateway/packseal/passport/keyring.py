"""What all acts of a passport log come to, in its order: who may sign, whose key is whose, which key counts no more.

docs/record.md sections 5.9 and 5.10. A value: `with_act` gives the next one or raises and changes nothing. What the
service's own settings say stands beside it: an operator who runs a service may bind by its settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from packseal.errors import EvidenceError, Reason
from packseal.passport.settings import PassportSettings
from packseal.records.acts import DEVICES, Act, Authority, Bind, Enrol, Noted, Revoke, Role, Rotate
from packseal.records.cose import VerifyingKey


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
    so; a ROTATE revokes the key that an authority signed with before."""

    authorities: tuple[Authority, ...] = ()
    enrolled: Mapping[bytes, Authority] = field(default_factory=dict)
    bound: Mapping[bytes, Binding] = field(default_factory=dict)
    revoked: Mapping[bytes, int] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: PassportSettings, service_key: bytes) -> Keyring:
        """Before the first act: the service itself, and whom its settings name."""
        service = Authority(VerifyingKey(service_key), Role.SERVICE)
        return cls((service, *settings.authorities))

    def with_act(self, act: Act, index: int, is_sealed: Callable[[bytes], bool]) -> Keyring:
        """is_sealed(public key): every log of that key has ended.

        Raises EvidenceError: KEY_REVOKED for a signer that counts no more, UNKNOWN_AUTHORITY for a key that is bound
        and was never enrolled, ALREADY_BOUND.
        """
        if act.authority.key.public_key in self.revoked:
            raise EvidenceError(Reason.KEY_REVOKED, f"the signer's key was revoked at {self.revoked_at(act)}")
        match act.statement:
            case Enrol(role, key):
                return self._with_key(Authority(key, role))
            case Bind(public_key, battery, evidence_class):
                self._check_bind(act, public_key, battery, is_sealed)
                binding = Binding(battery, evidence_class, index, act.authority.role is Role.SERVICE)
                return replace(self, bound={**self.bound, public_key: binding})
            case Rotate(key):
                return self._with_key(Authority(key, act.authority.role))._taking_over(act.authority, key, index)
            case Revoke(public_key):
                self._check_revoke(act, public_key)
                return self._without(public_key, index)
            case Noted():
                return self
        return self

    def revoked_at(self, act: Act) -> int:
        return self.revoked[act.authority.key.public_key]

    def gateway(self, kid: bytes | None) -> VerifyingKey | None:
        """The gateway of this key id that counts now."""
        known = (*self.authorities, *self.enrolled.values())
        keys = (one.key for one in known if one.role is Role.GATEWAY and one.key.public_key not in self.revoked)
        return next((key for key in keys if key.kid == kid), None)

    def _with_key(self, authority: Authority) -> Keyring:
        if authority.role in DEVICES:
            return replace(self, enrolled={**self.enrolled, authority.key.public_key: authority})
        others = (one for one in self.authorities if one.key.public_key != authority.key.public_key)
        return replace(self, authorities=(*others, authority))

    def _taking_over(self, old: Authority, new: VerifyingKey, index: int) -> Keyring:
        """A device's old key stays good: its logs are signed with it until they change their key themselves."""
        binding = self.bound.get(old.key.public_key)
        bound = {**self.bound, new.public_key: binding} if binding else self.bound
        taken_over = replace(self, bound=bound)
        return taken_over if old.role in DEVICES else taken_over._without(old.key.public_key, index)

    def _without(self, public_key: bytes, index: int) -> Keyring:
        return replace(self, revoked={public_key: index, **self.revoked})  # the first one counts

    def _check_revoke(self, act: Act, public_key: bytes) -> None:
        """Integrators and operators revoke devices; an authority goes by its own word or by the service's."""
        is_authority = any(one.key.public_key == public_key and one.role not in DEVICES for one in self.authorities)
        if is_authority and act.authority.role is not Role.SERVICE and act.authority.key.public_key != public_key:
            name = act.authority.role.name.lower()
            raise EvidenceError(Reason.WRONG_ROLE, f"a key of role {name} may not revoke that of another authority")

    def _check_bind(self, act: Act, public_key: bytes, battery: str, is_sealed: Callable[[bytes], bool]) -> None:
        if act.authority.role is not Role.SERVICE and public_key not in self.enrolled:
            words = f"key {public_key.hex()[:16]} was never enrolled; enrol it first, with its possession"
            raise EvidenceError(Reason.UNKNOWN_AUTHORITY, words)
        before = self.bound.get(public_key)
        if before and before.battery != battery and not is_sealed(public_key):
            words = f"key {public_key.hex()[:16]} speaks for battery {before.battery!r}; seal its log there first"
            raise EvidenceError(Reason.ALREADY_BOUND, words)
