"""The submodel service of the settings: partners by their numbers, batteries by what they are called elsewhere."""

from __future__ import annotations

from packseal.apps.exchange.leaving import Leaving
from packseal.apps.exchange.sources import Sources
from packseal.apps.exchange.submodels import Submodels
from packseal.apps.passport_service import PassportService
from packseal.errors import ConfigError
from packseal.exchange.named import Named
from packseal.exchange.rules import Partner
from packseal.io.names_settings import NamesFile
from packseal.io.partner_settings import CatenaXTable, PartnerFile
from packseal.io.settings_file import load_settings

NOBODY = Named()


def submodels_of(table: CatenaXTable, service: PassportService) -> Submodels:
    """Raises ConfigError for a partner without a number, or two with one, and for what the files have wrong."""
    partners = partners_of(table)
    named = {twin.passport: load_settings(twin.names, NamesFile).named for twin in table.twin}
    return Submodels(
        frozenset(table.connectors),
        partners.get,
        Sources(service).for_partner,
        lambda passport: named.get(passport, NOBODY),
        Leaving(service.store.outgoing, service.now_unix_ms),
    )


def partners_of(table: CatenaXTable) -> dict[str, Partner]:
    found: dict[str, Partner] = {}
    for place in table.partner:
        read = load_settings(place.file, PartnerFile)
        if read.bpnl is None:
            raise ConfigError(f"{place.file}: the key 'bpnl' is missing; a connector names a partner by it")
        if read.bpnl in found:
            raise ConfigError(f"{place.file}: {read.bpnl} is another partner's number already; keep one of the two")
        found[read.bpnl] = read.partner
    return found
