"""A battery's twin as a registry of Catena-X has it: one shell descriptor, and where each of its aspects is read.

CX-0160 1.1.0 section 2 (which identifiers a battery's twin has), CX-0002 (descriptors, visibility), IDTA 01002 3.1
(AssetAdministrationShellDescriptor). A twin is closed: an identifier without readers is seen by its owner alone. What
may not be registered is egress.py's part; who answers at `href` is the passport service.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from packseal.exchange.export import UnfitError
from packseal.exchange.identifiers import Identifiers
from packseal.exchange.loss import Json

INTERFACE = "SUBMODEL-VALUE-3.1"
SPECIFIC_IDS = ("manufacturerId", "manufacturerPartId", "partInstanceId", "digitalTwinType")
TWIN_TYPE = "PartInstance"
MAX_URL_CHARACTERS = 2048  # of href and subprotocolBody
_URL = re.compile(r"https?://[!-~]+")
_ID_SHORT = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,126}[a-zA-Z0-9_]")


@dataclass(frozen=True, slots=True)
class Aspect:
    """One submodel of a twin. asset_id: of the connector's offer by which it is had. href: its address at the data
    plane, without /$value."""

    submodel_id: str
    id_short: str
    semantic_id: str
    asset_id: str
    href: str
    supplemental_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _ID_SHORT.fullmatch(self.id_short):
            raise UnfitError(f"{self.id_short!r} is no idShort: expected a letter, then letters, digits, _ and -")
        if not _URL.fullmatch(self.href) or len(self.href) > MAX_URL_CHARACTERS:
            raise UnfitError(f"{self.href!r} is no address of a submodel: expected a URL of the data plane")


@dataclass(frozen=True, slots=True)
class Twin:
    """readers: numbers (BPNL) of who may find it. dsp_url: of the connector that offers its aspects."""

    shell_id: str
    global_asset_id: str
    identifiers: Identifiers
    dsp_url: str
    aspects: tuple[Aspect, ...]
    readers: tuple[str, ...] = ()


def shell_descriptor(twin: Twin) -> Json:
    """Raises UnfitError where an identifier that CX-0160 requires is missing."""
    return {
        "id": twin.shell_id,
        "globalAssetId": twin.global_asset_id,
        "idShort": "Battery",
        "assetKind": "Instance",
        "specificAssetIds": _specific_ids(twin),
        "submodelDescriptors": [submodel_descriptor(aspect, twin.dsp_url) for aspect in twin.aspects],
    }


def submodel_descriptor(aspect: Aspect, dsp_url: str) -> Json:
    found: Json = {
        "id": aspect.submodel_id,
        "idShort": aspect.id_short,
        "semanticId": _reference("ExternalReference", [aspect.semantic_id]),
        "endpoints": [{"interface": INTERFACE, "protocolInformation": _protocol(aspect, dsp_url)}],
    }
    if aspect.supplemental_ids:
        found["supplementalSemanticIds"] = [_reference("ExternalReference", [one]) for one in aspect.supplemental_ids]
    return found


def encoded_id(identifier: str) -> str:
    """As it stands in a path of the registry: IDTA 01002, UTF8-BASE64-URL-encoded, without padding."""
    return urlsafe_b64encode(identifier.encode()).decode().rstrip("=")


def _specific_ids(twin: Twin) -> list[Json]:
    of = twin.identifiers
    values = (of.manufacturer.bpnl, of.manufacturer_part_id, of.part_instance_id, TWIN_TYPE)
    named = dict(zip(SPECIFIC_IDS, values, strict=True))
    missing = [name for name, value in named.items() if value is None]
    if missing:
        raise UnfitError(f"the twin lacks {', '.join(missing)}, which CX-0160 requires; state them")
    return [_specific_id(name, value, twin.readers) for name, value in named.items() if value is not None]


def _specific_id(name: str, value: str, readers: Sequence[str]) -> Json:
    found: Json = {"name": name, "value": value}
    if readers:
        found["externalSubjectId"] = _reference("ExternalReference", readers)
    return found


def _reference(kind: str, values: Sequence[str]) -> Json:
    return {"type": kind, "keys": [{"type": "GlobalReference", "value": value} for value in values]}


def _protocol(aspect: Aspect, dsp_url: str) -> Json:
    """CX-0002: how a consumer gets from the descriptor to the connector's offer, and then to the value."""
    body = f"id={aspect.asset_id};dspEndpoint={dsp_url}"
    if ";" in aspect.asset_id or ";" in dsp_url or len(body) > MAX_URL_CHARACTERS:
        raise UnfitError(f"{body!r} is no subprotocolBody: expected an id and a URL without ';'")
    return {
        "href": aspect.href,
        "endpointProtocol": "HTTP",
        "endpointProtocolVersion": ["1.1"],
        "subprotocol": "DSP",
        "subprotocolBody": body,
        "subprotocolBodyEncoding": "plain",
        "securityAttributes": [{"type": "NONE", "key": "NONE", "value": "NONE"}],
    }


def differing(sent: object, found: object) -> bool:
    """Whether something that was sent is not there as it was sent; the order of lists says nothing in a descriptor,
    and what a registry adds of its own is no difference. Aspects that others added are none either."""
    if isinstance(sent, dict) and isinstance(found, dict):
        return any(differing(value, found.get(name)) for name, value in sent.items())
    if isinstance(sent, list) and isinstance(found, list):
        is_of_aspects = all(isinstance(one, dict) and "endpoints" in one for one in (*sent, *found))
        is_longer = len(found) != len(sent) and not is_of_aspects
        return is_longer or any(all(differing(one, other) for other in found) for one in sent)
    return sent != found


def with_strange_aspects(sent: Json, found: Json) -> Json:
    """What to send where the whole is replaced: the aspects of the registry that are not among ours stay."""
    ours, there = sent.get("submodelDescriptors"), found.get("submodelDescriptors")
    if not isinstance(ours, list) or not isinstance(there, list):
        return sent
    ids = {one.get("id") for one in ours}
    strange = [one for one in there if isinstance(one, dict) and one.get("id") not in ids]
    return {**sent, "submodelDescriptors": [*ours, *strange]}
