"""The management interface of an own connector: what is offered to partners, and the way to a partner's own services.

Tractus-X management API v3, under the base address of the interface. Policies come first and the contract definition
last, since that is what shows an offer to others; withdrawing goes the other way round. What is already there is
compared and left alone where it is the same, so each may be done again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from packseal.errors import PartnerRefusedError, PartnerUnavailableError
from packseal.exchange.catenax.connector import contract_definition, differences, policy_definition
from packseal.exchange.catenax.egress import Secrets, check_registered
from packseal.exchange.loss import Json
from packseal.io.catenax_registry import CONFLICT, NOT_FOUND, Outcome
from packseal.io.partner_http import PartnerHTTP

ASSETS, POLICIES, CONTRACTS = "/v3/assets", "/v3/policydefinitions", "/v3/contractdefinitions"
PUT_WITH_ID = frozenset({POLICIES})  # the other two name it in their body alone


@dataclass(frozen=True, slots=True)
class Offer:
    """Assets under one access policy and one usage policy, as exchange/catenax makes them."""

    definition_id: str
    assets: tuple[Json, ...]
    access_policy: Json
    usage_policy: Json


class Connector:
    """secrets: names and numbers that must not stand in what others see."""

    def __init__(self, http: PartnerHTTP, secrets: Secrets) -> None:
        self._http, self._secrets = http, secrets

    def publish(self, offer: Offer) -> Mapping[str, Outcome]:
        """-> what became of each, by its id. Raises EgressError before anything is sent, PartnerRefusedError,
        PartnerUnavailableError: then the same call goes on where it ended."""
        access, usage = policy_definition(offer.access_policy), policy_definition(offer.usage_policy)
        ids = [str(one["@id"]) for one in offer.assets]
        definition = contract_definition(offer.definition_id, str(access["@id"]), str(usage["@id"]), ids)
        for seen in (*offer.assets, usage):  # an access policy names partners, and nobody but its owner sees it
            check_registered(seen, self._secrets)
        steps = [
            (POLICIES, access),
            (POLICIES, usage),
            *((ASSETS, one) for one in offer.assets),
            (CONTRACTS, definition),
        ]
        return {str(one["@id"]): self._put(kind, one) for kind, one in steps}

    def withdraw(self, definition_id: str, asset_ids: Sequence[str]) -> list[str]:
        """The contract definition, then its assets; policies may be those of other offers. -> assets that stay, since
        somebody has a contract on them: nobody else is offered these any more."""
        self._delete(CONTRACTS, definition_id)
        return [one for one in asset_ids if not self._delete(ASSETS, one)]

    def _put(self, kind: str, sent: Json) -> Outcome:
        identifier = str(sent["@id"])
        found = self._find(kind, identifier)
        if found is None:
            if self._create(kind, sent):
                return Outcome.CREATED
            found = self._find(kind, identifier)
        if not differences(sent, found):
            return Outcome.UNCHANGED
        self._http.request("PUT", _path(kind, identifier) if kind in PUT_WITH_ID else kind, body=sent)
        return Outcome.UPDATED

    def _find(self, kind: str, identifier: str) -> object | None:
        try:
            return self._http.request("GET", _path(kind, identifier)).json()
        except PartnerRefusedError as error:
            if error.status == NOT_FOUND:
                return None
            raise

    def _create(self, kind: str, sent: Json) -> bool:
        """False where it is there by now."""
        try:
            self._http.request("POST", kind, body=sent, is_repeatable=True)  # its id is ours: a second one conflicts
        except PartnerRefusedError as error:
            if error.status == CONFLICT:
                return False
            raise
        return True

    def _delete(self, kind: str, identifier: str) -> bool:
        """False where a contract holds it."""
        try:
            self._http.request("DELETE", _path(kind, identifier))
        except PartnerRefusedError as error:
            if error.status not in (CONFLICT, NOT_FOUND):
                raise
            return error.status == NOT_FOUND
        return True


def entries(answer: object) -> list[Json]:
    """A list of the management interface: one item alone stands without its list. Raises PartnerUnavailableError."""
    found = answer if isinstance(answer, list) else [answer]
    maps = [one for one in found if isinstance(one, dict)]
    if len(maps) < len(found):
        raise PartnerUnavailableError("the connector's answer is no list of entries; ask its operator")
    return maps


def _path(kind: str, identifier: str) -> str:
    return f"{kind}/{quote(identifier, safe='')}"
