"""`packseal exchange catena-x`: a battery's twin at the registry, its aspects at the own connector, word of changes.

Decides how the parts of one battery are called, always in the same way, so that each command may be run again. The
data plane hands what stands behind its own address on to the asset's, which is the address of the aspect here: so both
forms in which consumers ask, `…/submodel/$value` and `…/$value`, arrive. No value of the passport is in what is
registered: partners read those at the passport service, by their own rules.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from packseal.apps.exchange.submodels import PREFIX
from packseal.errors import ConfigError
from packseal.exchange.catenax.connector import EVENT_TYPE, asset
from packseal.exchange.catenax.notification import Event, EventType, submodel_update
from packseal.exchange.catenax.shells import Aspect, Twin, shell_descriptor
from packseal.exchange.catenax.submodel import OFFERED
from packseal.exchange.export import UnfitError
from packseal.exchange.identifiers import Identifiers
from packseal.exchange.loss import Json
from packseal.exchange.twin_ids import battery_id, derived_id, shell_id, submodel_id
from packseal.io.catenax_connector import Connector, Offer
from packseal.io.catenax_notifier import ENDED, Notifier, Receiver
from packseal.io.catenax_registry import TwinRegistry
from packseal.io.catenax_settings import CatenaXSettings, connector_http, registry_http
from packseal.io.partner_http import Before, PartnerHTTP


@dataclass(frozen=True, slots=True)
class Offering:
    """access, usage: ids of policies of the settings. readers: numbers of who may find the twin."""

    passport: str
    identifiers: Identifiers
    aspects: tuple[str, ...]
    access: str
    usage: str
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """Whom a change is told: its DID, its connector, its number; usage: id of the policy that may be agreed to."""

    participant_id: str
    dsp_url: str
    bpnl: str
    usage: str


def checked_aspects(names: tuple[str, ...]) -> tuple[str, ...]:
    """All of them where none is named. Raises ConfigError."""
    strange = [name for name in names if name not in OFFERED]
    if strange:
        raise ConfigError(f"--aspect {strange[0]}: expected one of {', '.join(OFFERED)}")
    return names or tuple(OFFERED)


def descriptor(settings: CatenaXSettings, offering: Offering) -> Json:
    """As it is registered. Raises ConfigError where an identifier is missing that CX-0160 requires."""
    connector = settings.connector
    aspects = tuple(
        Aspect(
            submodel_id(offering.passport, name),
            OFFERED[name].part.id_short,
            OFFERED[name].semantic_id,
            _asset_id(offering.passport, name),
            f"{connector.data_plane_url.rstrip('/')}/submodel",
            OFFERED[name].supplemental_ids,
        )
        for name in offering.aspects
    )
    try:
        return shell_descriptor(
            Twin(
                shell_id(offering.passport), battery_id(offering.passport), offering.identifiers,
                connector.dsp_url, aspects, offering.readers,
            )
        )  # fmt: skip
    except UnfitError as error:
        raise ConfigError(f"{error}; write them into the file of --names") from None


def offer(settings: CatenaXSettings, offering: Offering) -> Offer:
    """Of these aspects. Raises ConfigError for a policy that the settings have not."""
    base = f"{settings.service_url.rstrip('/')}{PREFIX}/{offering.passport}/submodels"
    assets = tuple(
        asset(
            _asset_id(offering.passport, name), OFFERED[name].semantic_id, f"{base}/{name}",
            settings.connector.vault_alias,
        )
        for name in offering.aspects
    )  # fmt: skip
    access, usage = settings.policy_of(offering.access, "access"), settings.policy_of(offering.usage, "usage")
    return Offer(_definition_id(offering.passport), assets, access, usage)


def published(settings: CatenaXSettings, offering: Offering, before: Before) -> Iterator[tuple[str, str]]:
    """(what, what became of it): first what is offered, then the twin that leads to it. before: keeps a line of what is
    sent, here and below.

    Raises ConfigError, EgressError before anything of a step is sent, PartnerError: then the same call goes on.
    """
    twin = descriptor(settings, offering)
    outcomes = _connector(settings, before).publish(offer(settings, offering))
    yield from ((name, str(outcome)) for name, outcome in outcomes.items())
    registry = TwinRegistry(registry_http(settings.registry, before), settings.secrets)
    yield str(twin["id"]), str(registry.register(twin))


def withdrawn(settings: CatenaXSettings, passport: str, before: Before) -> Iterator[tuple[str, str]]:
    """The twin, then what is offered. Assets on which somebody holds a contract stay. Raises PartnerError."""
    twin = shell_id(passport)
    registry = TwinRegistry(registry_http(settings.registry, before), settings.secrets)
    yield twin, "removed" if registry.remove(twin) else "was not there"
    assets = [_asset_id(passport, name) for name in OFFERED]
    kept = set(_connector(settings, before).withdraw(_definition_id(passport), assets))
    yield from ((name, "stays: somebody holds a contract" if name in kept else "removed") for name in assets)


def notified(
    settings: CatenaXSettings,
    passport: str,
    aspects: tuple[str, ...],
    told: Told,
    wait: Callable[[float], None],
    before: Before,
) -> str:
    """-> id of the message. Raises ConfigError, PartnerError."""
    events = [Event(EventType.UPDATED, battery_id(passport), OFFERED[name].semantic_id) for name in aspects]
    message_id = uuid.uuid4().urn
    try:
        message = submodel_update(message_id, time.time_ns() // 1_000_000, settings.bpnl, told.bpnl, events)
    except UnfitError as error:
        raise ConfigError(f"--bpnl: {error}") from None
    accepted = (settings.policy_of(told.usage, "usage"),)
    receiver = Receiver(told.participant_id, told.dsp_url, EVENT_TYPE, accepted)

    def data_plane(url: str, headers: Callable[[], Mapping[str, str]], renew: Callable[[], None]) -> PartnerHTTP:
        return PartnerHTTP(
            url,
            headers=headers,
            renew=renew,
            renewed_at=ENDED,
            is_private_allowed=settings.connector.private,
            before=before,
        )

    Notifier(connector_http(settings.connector, before), data_plane, wait).send(receiver, message)
    return message_id


def _connector(settings: CatenaXSettings, before: Before) -> Connector:
    return Connector(connector_http(settings.connector, before), settings.secrets)


def _asset_id(passport: str, aspect: str) -> str:
    return derived_id(passport, f"asset {aspect}")


def _definition_id(passport: str) -> str:
    return derived_id(passport, "offer")
