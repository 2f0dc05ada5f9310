"""Speaks version 2 of the ecosystem, Open Data Spaces: tokens of a client, a gateway, decisions, and a notifier.

Tokens, operators, plants and decisions come from the identity component (L3); parts, trades and footprints from a
provider behind the gateway (L2), which passes them on unchanged. Before anything is sent the provider's rules are asked
(AuthZEN): without a yes nothing is sent, and no answer is no yes.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from packseal.errors import ConfigError, CredentialError, PartnerRefusedError, PartnerUnavailableError
from packseal.exchange.ouranos import v2
from packseal.exchange.ouranos.model import Notice, Operator, Plant
from packseal.exchange.ouranos.wire import Entry, decode
from packseal.io.circuit_breaker import CircuitBreaker
from packseal.io.client_credentials import UNSTATED_S, usable_s
from packseal.io.ouranos_provider import (
    DataTransport,
    ProviderFootprints,
    ProviderParts,
    ProviderTrades,
    Wait,
    until_done,
)
from packseal.io.partner_http import NOTHING, Before, Body, PartnerHTTP, nothing_before

ASKING = v2.Asking()


@dataclass(frozen=True, slots=True)
class ODSAddresses:
    """Base URLs; store: of the provider's rules. notifier: None where there is none."""

    identity: str
    gateway: str
    store: str
    notifier: str | None = None


@dataclass(frozen=True, slots=True)
class ODSClient:
    """Who we are. logged: headers X-ODS-… that the gateway writes into its log."""

    client_id: str
    client_secret: str = field(repr=False)
    api_key: str = field(repr=False)
    notifier_api_key: str | None = field(default=None, repr=False)
    logged: Mapping[str, str] = field(default_factory=lambda: NOTHING)
    language: str = "ja"


class ClientToken:
    """The client's access token, asked for when there is none or when it ends. For several threads."""

    def __init__(self, http: PartnerHTTP, client: ODSClient, clock_s: Callable[[], float]) -> None:
        """http: of the identity component, with the headers that need no token."""
        self._http, self._client, self._clock_s = http, client, clock_s
        self._lock = threading.RLock()
        self._text: str | None = None
        self._ends_s = 0.0
        self._operator_id: str | None = None

    def text(self) -> str:
        """Raises CredentialError, PartnerUnavailableError."""
        with self._lock:
            if self._text is None or self._clock_s() >= self._ends_s:
                given = v2.token(self._ask("/auth/token/client", {}))
                lasts_s = UNSTATED_S if given.expires_in_s is None else given.expires_in_s
                self._text, self._ends_s = given.text, self._clock_s() + usable_s(lasts_s)
            return self._text

    def renew(self) -> None:
        with self._lock:
            self._text = None

    def operator_id(self) -> str:
        """Whose it is, asked for once. Raises CredentialError where the token does not hold."""
        with self._lock:
            if self._operator_id is None:
                self._operator_id = v2.holder(self._ask("/auth/token/introspect", {"access_token": self.text()}))
            if self._operator_id is None:
                raise CredentialError("the client's token does not hold; check the client at the identity component")
            return self._operator_id

    def _ask(self, path: str, more: Mapping[str, str]) -> Entry:
        body = {"client_id": self._client.client_id, "client_secret": self._client.client_secret, **more}
        try:
            answer = self._http.request("POST", path, body=body, is_repeatable=True)
        except PartnerRefusedError as error:
            words = "check the API key, the client's id and its secret"
            raise CredentialError(f"the identity component refuses the client ({error.status}); {words}") from None
        return Entry(decode(answer.content), path)


class Decisions:
    """Whether this client may send something, as the provider's rules have it."""

    def __init__(self, http: PartnerHTTP, store: str, token: ClientToken, asking: v2.Asking) -> None:
        self._http, self._token, self._asking = http, token, asking
        self._path = f"/authz/stores/{store}/access/v1/evaluation"

    def permit(self, resource: str) -> None:
        """Raises PartnerRefusedError for a no, PartnerUnavailableError where no answer came: nothing is sent then."""
        body = v2.evaluation_json(self._asking, self._token.operator_id(), resource)
        try:
            answer = self._http.request("POST", self._path, body=body, is_repeatable=True)
            may_send = v2.decision(Entry(decode(answer.content), "decision"))
        except PartnerUnavailableError as error:
            words = f"{resource} is not sent: whether it may be was not answered ({error.detail})"
            raise PartnerUnavailableError(
                words, error.status, error.code, error.tracking, error.retry_after_s
            ) from None
        if not may_send:
            raise PartnerRefusedError(f"{resource} is not sent: the provider's rules do not let this operator")


class OperatorsV2:
    def __init__(self, http: PartnerHTTP, token: ClientToken, wait: Wait) -> None:
        self._http, self._token, self._wait = http, token, wait

    def own(self) -> Operator:
        path = f"/account/operator/{self._token.operator_id()}"
        return v2.operator(v2.payload(Entry(decode(self._http.request("GET", path).content), "operator")))

    def find(self, corporate_number: str) -> Operator | None:
        """Which filters the list takes is left open by the contract: what comes is looked through again."""
        listed = self._list("/account/operator/list", {"open_operator_id": corporate_number})
        found = (v2.operator(one) for one in listed if v2.is_in_force(one))
        return next((one for one in found if one.corporate_number == corporate_number), None)

    def plants(self) -> tuple[Plant, ...]:
        own = self._token.operator_id()
        listed = self._list("/account/operator/plant/list", {"operator_id": own})
        found = (v2.plant(one) for one in listed if v2.is_in_force(one))
        return tuple(one for one in found if one.operator_id == own)

    def register_plant(self, plant: Plant) -> Plant:
        return until_done(lambda: self._there(plant), lambda: self._send(plant), self._wait)

    def _there(self, plant: Plant) -> Plant | None:
        """A plant that differs is not overwritten: the contract does not say what of it may change."""
        known = next((one for one in self.plants() if one.open_plant_id == plant.open_plant_id), None)
        if known and (known.name, known.address, known.global_id) != (plant.name, plant.address, plant.global_id):
            words = f"plant {plant.open_plant_id} is registered with another name or address"
            raise PartnerRefusedError(f"{words}; change it where it is registered, or in the settings")
        return known

    def _send(self, plant: Plant) -> Plant:
        answer = self._http.request("POST", "/account/operator/plant", body=v2.plant_json(plant))
        return v2.plant(v2.payload(Entry(decode(answer.content), "plant")))

    def _list(self, path: str, body: Body) -> list[Entry]:
        answer = self._http.request("POST", path, body=body, is_repeatable=True)
        return Entry(decode(answer.content), path).entries("data")


class Notifier:
    def __init__(self, http: PartnerHTTP) -> None:
        self._http = http

    def send(self, notice: Notice) -> str:
        answer = self._http.request("POST", "/api/v1/notifications", body=v2.notice_json(notice), is_repeatable=False)
        return v2.notice_id(Entry(decode(answer.content), "notification"))


class ODSV2:
    """An OuranosAdapter."""

    def __init__(self, operators: OperatorsV2, transport: DataTransport, notices: Notifier | None) -> None:
        self.operators, self.notices = operators, notices
        self.parts = ProviderParts(transport)
        self.trades = ProviderTrades(transport)
        self.footprints = ProviderFootprints(transport)


def open_v2(
    addresses: ODSAddresses,
    client: ODSClient,
    *,
    asking: v2.Asking = ASKING,
    wait: Wait = time.sleep,
    clock_s: Callable[[], float] = time.monotonic,
    new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    timeout_s: float = 10.0,
    is_private_allowed: bool = False,
    before: Before = nothing_before,
) -> ODSV2:
    """Asks nothing yet. before: of all but logins, as PartnerHTTP has it.

    Raises ConfigError for addresses, headers and stores that are none.
    """
    _check(addresses, client)
    open_http = partial(
        PartnerHTTP, wait=wait, clock_s=clock_s, timeout_s=timeout_s, is_private_allowed=is_private_allowed
    )
    breaker = CircuitBreaker(clock_s)  # one server, so one for all that asks it
    shown = partial(_keyed, client, new_id)
    token = ClientToken(open_http(addresses.identity, headers=shown, breaker=breaker), client, clock_s)
    open_bearing = partial(open_http, renew=token.renew, before=before)
    identity = open_bearing(addresses.identity, headers=lambda: {**shown(), **_bearer(token)}, breaker=breaker)
    gateway = open_bearing(addresses.gateway, headers=lambda: {**client.logged, **shown(), **_bearer(token)})
    notices = None
    if addresses.notifier is not None:
        notices = Notifier(open_bearing(addresses.notifier, headers=lambda: _notifying(client, new_id, token)))
    permit = Decisions(identity, addresses.store, token, asking).permit
    return ODSV2(OperatorsV2(identity, token, wait), DataTransport(gateway, permit, wait), notices)


def _bearer(token: ClientToken) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token.text()}"}


def _notifying(client: ODSClient, new_id: Callable[[], str], token: ClientToken) -> Mapping[str, str]:
    own = {"X-Notifier-API-Key": client.notifier_api_key or "", "Accept-Language": client.language}
    return {"X-TrackingId": new_id(), **own, **_bearer(token)}


def _keyed(client: ODSClient, new_id: Callable[[], str]) -> Mapping[str, str]:
    return {"API-Key": client.api_key, "X-TrackingId": new_id(), "Accept-Language": client.language}


def _check(addresses: ODSAddresses, client: ODSClient) -> None:
    if not addresses.store.isalnum() or not addresses.store.isascii():
        raise ConfigError(f"{addresses.store!r}: expected the id of the provider's store: letters and digits")
    if wrong := [name for name in client.logged if not v2.LOGGED.match(name)]:
        raise ConfigError(f"{wrong[0]!r}: headers for the gateway's log are named X-ODS-…, letters and digits")
    if addresses.notifier and not client.notifier_api_key:
        raise ConfigError("the notifier asks for its own API key; set it, or leave its address out")
