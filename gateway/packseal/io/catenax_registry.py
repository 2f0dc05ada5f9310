"""A battery's twin at a registry of Catena-X: registered, brought up to date, removed; each may be done again.

IDTA 01002 3.1, AssetAdministrationShellRegistryServiceSpecification/SSP-001, under the registry's base address (its
/api/v3). What is already there is compared: the same is left alone, so that a run that was cut short is simply run
again. Aspects that somebody else has added to the twin stay: a PUT replaces the whole descriptor.
"""

from __future__ import annotations

from enum import StrEnum

from packseal.errors import PartnerRefusedError, PartnerUnavailableError
from packseal.exchange.catenax.egress import Secrets, check_registered
from packseal.exchange.catenax.shells import differing, encoded_id, with_strange_aspects
from packseal.exchange.loss import Json
from packseal.io.partner_http import PartnerHTTP

CONFLICT, NOT_FOUND = 409, 404


class Outcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


class TwinRegistry:
    """secrets: names and numbers that must not be registered (CX-0002-CaC-9)."""

    def __init__(self, http: PartnerHTTP, secrets: Secrets) -> None:
        self._http, self._secrets = http, secrets

    def find(self, shell_id: str) -> Json | None:
        """None where the registry has none of that id, or does not show it."""
        try:
            answer = self._http.request("GET", _path(shell_id))
        except PartnerRefusedError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        found = answer.json()
        if not isinstance(found, dict):
            raise PartnerUnavailableError(f"{self._http.base_url}: its answer is no descriptor; ask its operator")
        return found

    def register(self, descriptor: Json) -> Outcome:
        """Raises EgressError before anything is sent, PartnerRefusedError, PartnerUnavailableError."""
        check_registered(descriptor, self._secrets)
        found = self.find(str(descriptor["id"]))
        if found is None:
            if self._create(descriptor):
                return Outcome.CREATED
            found = self.find(str(descriptor["id"])) or {}
        return self._update(descriptor, found)

    def remove(self, shell_id: str) -> bool:
        """-> whether it was there."""
        return self._delete(_path(shell_id))

    def remove_aspect(self, shell_id: str, submodel_id: str) -> bool:
        """-> whether it was there."""
        return self._delete(f"{_path(shell_id)}/submodel-descriptors/{encoded_id(submodel_id)}")

    def _create(self, descriptor: Json) -> bool:
        """False where it is there by now: made by another, or by an attempt of ours whose answer was lost."""
        try:
            self._http.request("POST", "/shell-descriptors", body=descriptor, is_repeatable=True)
        except PartnerRefusedError as error:
            if error.status == CONFLICT:
                return False
            raise
        return True

    def _update(self, descriptor: Json, found: Json) -> Outcome:
        if not differing(descriptor, found):
            return Outcome.UNCHANGED
        whole = with_strange_aspects(descriptor, found)
        self._http.request("PUT", _path(str(descriptor["id"])), body=whole)
        return Outcome.UPDATED

    def _delete(self, path: str) -> bool:
        try:
            self._http.request("DELETE", path)
        except PartnerRefusedError as error:
            if error.status == NOT_FOUND:
                return False
            raise
        return True


def _path(shell_id: str) -> str:
    return f"/shell-descriptors/{encoded_id(shell_id)}"
