"""What passport.toml says, as the core takes it: the service's key, its batteries and authorities, whom it trusts.

In a module of its own: the commands on a service's files need this, and none of its servers.
"""

from __future__ import annotations

from collections.abc import Callable

from packseal.apps.passport_service import PassportService
from packseal.errors import ConfigError
from packseal.io.keys import Signer, load_or_make_key
from packseal.io.settings import PassportFileSettings
from packseal.io.stores import has_records
from packseal.passport.settings import BatterySettings, EnrolledSource, PassportSettings
from packseal.records.acts import Role
from packseal.records.policy import Policy, Revocation


def service_key(settings: PassportFileSettings) -> Signer:
    """The service's key; a new one only for a service that has given no receipt yet. Raises ConfigError."""
    if settings.worker and not settings.key.exists():
        cure = "all workers have one key: make it with `packseal key make`, and copy it to each machine"
        raise ConfigError(f"{settings.key} is missing; {cure}")
    if not settings.key.exists() and has_records(settings.store):
        words = f"{settings.key} is missing, but {settings.store} holds receipts by it; restore it from its backup"
        raise ConfigError(words)
    return load_or_make_key(settings.key)


def passport_settings(settings: PassportFileSettings, service_public_key: bytes) -> PassportSettings:
    """The core's settings from those of the file."""
    return PassportSettings(
        batteries=tuple(
            BatterySettings(
                id=battery.id,
                category=battery.category,
                rated_capacity_mah=battery.rated_capacity_mah,
                name=battery.name,
                sources=tuple(EnrolledSource(s.public_key, s.evidence_class) for s in battery.source),
                chemistry=battery.chemistry or "",
            )
            for battery in settings.battery
        ),
        authorities=tuple(table.authority for table in settings.authority),
        origin=settings.origin or f"packseal-{service_public_key.hex()[:16]}",
    )


def published_policy(settings: PassportFileSettings, service: PassportService) -> Callable[[], Policy]:
    """Whom this service trusts, for who has nobody better to ask; all its logs that its settings bind."""
    witnesses = {witness.name: witness.public_key for witness in settings.witness}

    def policy() -> Policy:
        others = (one for one in service.acts.keyring.authorities if one.key.public_key != service.public_key)
        keys = tuple(one for one in others if one.role is not Role.SERVICE)
        listed = {one.key.public_key for one in keys}
        devices = (one for one in service.acts.keyring.enrolled.values() if one.key.public_key not in listed)
        gateways = tuple(one for one in devices if one.role is Role.GATEWAY)
        services = {service.public_key: service.settings.origin}
        revoked = {key: Revocation(service.public_key, index) for key, index in service.acts.keyring.revoked.items()}
        return Policy(service.bound_logs(), services, keys + gateways, witnesses, settings.witnesses_needed, revoked)

    return policy
