"""Certificates of carbon footprints, both ways: the certificate's number crosses, its file does not.

Ouranos v1 keeps files and a free text (CfpCertificationModel), and has no call by which a client stores one; Catena-X
wants to know who verified what by which scheme (io.catenax.pcf 9.0.0, attestationOfConformance). What one does not say
and the other asks for is a person's word (Decisions.certificates).
"""

from __future__ import annotations

from packseal.exchange.bridge.decisions import Certificate, Decisions
from packseal.exchange.bridge.reading import at
from packseal.exchange.bridge.stages import ATTESTATIONS
from packseal.exchange.export import Builder, Path, UnfitError, pointer
from packseal.exchange.identifiers import trace_id
from packseal.exchange.loss import Json, Why

CERTIFICATIONS: Path = ("cfpCertification",)
DECIDED = "decided:certificate"


def certificates_to_catena_x(builder: Builder, document: Json, decisions: Decisions) -> None:
    carried = 0
    for number, name in _names(document, CERTIFICATIONS, "cfpCertificationId"):
        key = pointer((*CERTIFICATIONS, number, "cfpCertificationId"))
        stated = decisions.certificates.get(name)
        if stated is None:
            words = "Ouranos says neither what it attests nor who verified it; state both as a [[certificate]]"
            builder.lose(Why.DECIDE, ATTESTATIONS, key, words)
            continue
        _attest(builder, (*ATTESTATIONS, carried), key, name, stated)
        carried += 1


def certificates_to_ouranos(builder: Builder, document: Json, decisions: Decisions) -> None:
    carried = 0
    for number, name in _names(document, ATTESTATIONS, "attestationOfConformanceId"):
        key = pointer((*ATTESTATIONS, number, "attestationOfConformanceId"))
        path = (*CERTIFICATIONS, carried)
        try:
            builder.put_made((*path, "cfpCertificationId"), [key], trace_id(name.lower()), "bridge:same")
        except UnfitError:
            builder.lose(Why.UNFIT, CERTIFICATIONS, key, f"{name!r} is no UUID, as Ouranos wants it")
            continue
        if name != name.lower():
            builder.lose(Why.COARSER, path, key, "written in small letters")
        _rest(builder, path, key, decisions)
        carried += 1


def _attest(builder: Builder, path: Path, key: str, name: str, stated: Certificate) -> None:
    builder.put_made((*path, "attestationOfConformanceId"), [key], name, "bridge:same")
    fields = {
        "attestationType": stated.kind,
        "standardName": stated.standard,
        "attestationStandard": stated.scheme,
        "providerName": stated.provider,
        "providerId": stated.provider_id,
        "attestationOfConformanceLink": stated.link,
        "completedAt": stated.completed_at,
    }
    for field, one in fields.items():
        if one is not None:
            builder.put_made((*path, field), (), one, DECIDED)


def _rest(builder: Builder, path: Path, key: str, decisions: Decisions) -> None:
    builder.constant((*path, "cfpCertificationDescription"), None)
    builder.constant((*path, "cfpCertificationFileInfo"), None)
    words = "Ouranos v1 lets no client store a certificate; whoever holds the file uploads it there"
    builder.lose(Why.DECIDE, path, key, words)
    if decisions.trace_id is None:
        builder.lose(Why.DECIDE, (*path, "traceId"), key, "of which part it is; state its trace_id")
    else:
        builder.put_made((*path, "traceId"), (), decisions.trace_id, "decided:trace_id")


def _names(document: Json, path: Path, field: str) -> list[tuple[int, str]]:
    found = at(document, path)
    listed = found if isinstance(found, list) else []
    named = ((number, at(one, (field,))) for number, one in enumerate(listed))
    return [(number, name) for number, name in named if isinstance(name, str) and name]
