"""Brings a notification to a partner: its service is asked for by contract, as everything in the data space is.

1. The own connector asks the partner's for its catalogue. 2. Of the offers for its notification service the first is
taken whose terms somebody here has accepted before; others are never agreed to by a program. 3. The own connector
negotiates, unless it holds a token (EDR) already. 4. The message goes to the partner's data plane with that token,
which is fetched anew once where it is refused. CX-0018, Tractus-X management API v3 (catalog, edrs); CX-0151.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from packseal.errors import PartnerError, PartnerUnavailableError
from packseal.exchange.catenax.connector import catalog_request, contract_request, same_terms, token_query
from packseal.exchange.catenax.notification import PATH
from packseal.exchange.loss import Json
from packseal.io.catenax_connector import entries
from packseal.io.partner_http import PartnerHTTP

POLLS, POLL_S = 30, 2.0
ENDED = (401, 403)  # what a data plane answers to a token that has ended; Tractus-X takes the latter


@dataclass(frozen=True, slots=True)
class Receiver:
    """participant_id: its DID (DSP 2025-1). dsp_url: of its connector. asset_type: of its notification service.
    accepted: usage policies of exchange/catenax/odrl.py whose terms may be agreed to."""

    participant_id: str
    dsp_url: str
    asset_type: str
    accepted: tuple[Json, ...]


class Notifier:
    def __init__(
        self,
        management: PartnerHTTP,
        data_plane: Callable[[str, Callable[[], Mapping[str, str]], Callable[[], None]], PartnerHTTP],
        wait: Callable[[float], None],
    ) -> None:
        """data_plane: (its address, headers, renew) -> how it is asked; renewed at ENDED."""
        self._management, self._data_plane, self._wait = management, data_plane, wait

    def send(self, receiver: Receiver, message: Json) -> None:
        """message: of exchange/catenax/notification.py; with the same messageId it may be sent again.

        Raises PartnerError where nothing is offered under accepted terms, PartnerRefusedError, PartnerUnavailableError.
        """
        asset_id, offer = self._offered(receiver)  # 1, 2
        transfer = self._held(receiver, asset_id) or self._negotiated(receiver, asset_id, offer)  # 3
        address = _Address(self._management, transfer)
        there = self._data_plane(address.endpoint, address.headers, address.fetch)
        there.request("POST", PATH, body=message, idempotency_key=_message_id(message))  # 4

    def _offered(self, receiver: Receiver) -> tuple[str, Json]:
        body = catalog_request(receiver.participant_id, receiver.dsp_url, receiver.asset_type)
        answer = self._management.request("POST", "/v3/catalog/request", body=body, is_repeatable=True).json()
        catalog = answer if isinstance(answer, dict) else {}
        for dataset in _listed(catalog, "dataset"):
            for offer in _listed(dataset, "hasPolicy") if "@id" in dataset else ():
                if any(same_terms(offer, policy) for policy in receiver.accepted):
                    return str(dataset["@id"]), offer
        words = f"{receiver.dsp_url}: offers no {receiver.asset_type} under terms that were accepted here"
        raise PartnerError(f"{words}; look at its catalogue, and add its usage policy to those accepted")

    def _held(self, receiver: Receiver, asset_id: str) -> str | None:
        body = token_query(asset_id, receiver.participant_id)
        answer = self._management.request("POST", "/v3/edrs/request", body=body, is_repeatable=True).json()
        held = [one["transferProcessId"] for one in entries(answer) if "transferProcessId" in one]
        return str(held[-1]) if held else None

    def _negotiated(self, receiver: Receiver, asset_id: str, offer: Json) -> str:
        body = contract_request(receiver.participant_id, receiver.dsp_url, asset_id, offer)
        self._management.request("POST", "/v3/edrs", body=body)
        for _ in range(POLLS):
            transfer = self._held(receiver, asset_id)
            if transfer is not None:
                return transfer
            self._wait(POLL_S)
        raise PartnerUnavailableError(f"{receiver.dsp_url}: no contract after {POLLS * POLL_S:.0f} s; try again later")


class _Address:
    """Where the data plane is and the token for it, which does not last."""

    def __init__(self, management: PartnerHTTP, transfer: str) -> None:
        self._management, self._path = management, f"/v3/edrs/{quote(transfer, safe='')}/dataaddress"
        self.endpoint, self._token = "", ""
        self.fetch()

    def fetch(self) -> None:
        answer = self._management.request("GET", self._path, query={"auto_refresh": "true"}).json()
        found = answer if isinstance(answer, dict) else {}
        endpoint, token = found.get("endpoint"), found.get("authorization")
        if not isinstance(endpoint, str) or not isinstance(token, str) or not token.isascii():
            raise PartnerUnavailableError(f"{self._management.base_url}: its answer has no address and token")
        self.endpoint, self._token = endpoint, token

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": self._token}


def _listed(of: Mapping[str, object], name: str) -> Sequence[Json]:
    """With its prefix or without, alone or in a list."""
    found = next((value for key, value in of.items() if key.rpartition(":")[2] == name), [])
    return entries(found)


def _message_id(message: Json) -> str:
    header = message["header"]
    if not isinstance(header, dict):
        raise TypeError("the message has no header")
    return str(header["messageId"])
