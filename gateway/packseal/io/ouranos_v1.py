"""Speaks version 1 of the ecosystem: a login with a password, a key of the application, and the data platform behind.

An access token that is refused is renewed by its refresh token, else by another login. A login that is refused is not
tried again: after a few of them the platform locks the account (contract, note to /auth/login).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from packseal.errors import CredentialError, PartnerRefusedError
from packseal.exchange.ouranos import v1
from packseal.exchange.ouranos.model import Operator, Plant
from packseal.exchange.ouranos.wire import Entry, decode, entries
from packseal.io.circuit_breaker import CircuitBreaker
from packseal.io.ouranos_provider import (
    DataTransport,
    ProviderFootprints,
    ProviderParts,
    ProviderTrades,
    Wait,
    until_done,
)
from packseal.io.partner_http import Before, Body, PartnerHTTP, nothing_before

PATH = "/api/v1/authInfo"


class Account:
    """Of one operator, with the tokens that it has now. For several threads. Shows none of its secrets."""

    def __init__(self, http: PartnerHTTP, api_key: str, account_id: str, password: str) -> None:
        """http: of the authentication, without headers of its own."""
        self._http, self._api_key, self._account_id, self._password = http, api_key, account_id, password
        self._lock = threading.RLock()
        self._access: str | None = None
        self._refresh: str | None = None
        self._is_refused = False

    def headers(self) -> Mapping[str, str]:
        with self._lock:
            if self._access is None:
                self._log_in()
            return {"apiKey": self._api_key, "Authorization": f"Bearer {self._access}"}

    def renew(self) -> None:
        """Raises CredentialError, PartnerUnavailableError."""
        with self._lock:
            refresh, self._access, self._refresh = self._refresh, None, None
            if refresh is None:
                return self._log_in()
            try:
                self._take(self._ask("/auth/refresh", {"refreshToken": refresh}), refresh)
            except PartnerRefusedError:
                return self._log_in()
            return None

    def _log_in(self) -> None:
        if self._is_refused:
            raise CredentialError("the login was refused before and is not tried again; set account and password anew")
        body = {"operatorAccountId": self._account_id, "accountPassword": self._password}
        try:
            self._take(self._ask("/auth/login", body), None)
        except PartnerRefusedError as error:
            self._is_refused = True
            words = "check the key of the application" if error.status == 403 else "check account and password"
            raise CredentialError(f"the login is refused ({error.status}); {words}") from None

    def _ask(self, path: str, body: Body) -> Entry:
        headers = {"apiKey": self._api_key}
        return Entry(
            decode(self._http.request("POST", path, body=body, headers=headers, is_repeatable=True).content), path
        )

    def _take(self, found: Entry, refresh: str | None) -> None:
        self._access, given = v1.tokens(found)
        self._refresh = given or refresh


class OperatorsV1:
    def __init__(self, http: PartnerHTTP, wait: Wait) -> None:
        self._http, self._wait = http, wait

    def own(self) -> Operator:
        return v1.operator(Entry(self._read("operator"), "operator"))

    def find(self, corporate_number: str) -> Operator | None:
        try:
            found = v1.operator(Entry(self._read("operator", openOperatorId=corporate_number), "operator"))
        except PartnerRefusedError as error:
            if error.status == 404:
                return None
            raise
        return found if found.corporate_number == corporate_number else None

    def plants(self) -> tuple[Plant, ...]:
        return tuple(v1.plant(one) for one in entries(self._read("plant"), "plant"))

    def register_plant(self, plant: Plant) -> Plant:
        return until_done(lambda: self._there(plant), lambda: self._send(plant), self._wait)

    def _known(self, plant: Plant) -> Plant | None:
        return next((one for one in self.plants() if one.open_plant_id == plant.open_plant_id), None)

    def _there(self, plant: Plant) -> Plant | None:
        known = self._known(plant)
        return known if known and replace(plant, plant_id=known.plant_id) == known else None

    def _send(self, plant: Plant) -> Plant:
        known = self._known(plant)
        body = v1.plant_json(replace(plant, plant_id=known.plant_id if known else None))
        asked = {"dataTarget": "plant"}
        answer = self._http.request("PUT", PATH, query=asked, body=body, is_repeatable=False)
        return v1.plant(Entry(decode(answer.content), "plant"))

    def _read(self, target: str, **query: str) -> object:
        return decode(self._http.request("GET", PATH, query={"dataTarget": target, **query}).content)


class OuranosV1:
    """An OuranosAdapter. There is no notifier in this version: partners look for themselves."""

    def __init__(self, auth: PartnerHTTP, data: PartnerHTTP, wait: Wait) -> None:
        """auth, data: with the headers of an account."""
        transport = DataTransport(data, _permitted, wait)
        self.operators = OperatorsV1(auth, wait)
        self.parts = ProviderParts(transport)
        self.trades = ProviderTrades(transport)
        self.footprints = ProviderFootprints(transport)
        self.notices = None


def open_v1(
    auth_url: str,
    data_url: str,
    api_key: str,
    account_id: str,
    password: str,
    *,
    wait: Wait = time.sleep,
    clock_s: Callable[[], float] = time.monotonic,
    timeout_s: float = 10.0,
    is_private_allowed: bool = False,
    before: Before = nothing_before,
) -> OuranosV1:
    """Asks nothing yet. before: of all but logins, as PartnerHTTP has it.

    Raises ConfigError for addresses that are none.
    """
    open_http = partial(
        PartnerHTTP, wait=wait, clock_s=clock_s, timeout_s=timeout_s, is_private_allowed=is_private_allowed
    )
    breaker = CircuitBreaker(clock_s)  # one server, so one for both
    account = Account(open_http(auth_url, breaker=breaker), api_key, account_id, password)
    auth = open_http(auth_url, headers=account.headers, renew=account.renew, breaker=breaker, before=before)
    data = open_http(data_url, headers=account.headers, renew=account.renew, before=before)
    return OuranosV1(auth, data, wait)


def _permitted(_target: str) -> None:
    """Whether something may be sent is decided by the platform itself in this version."""
