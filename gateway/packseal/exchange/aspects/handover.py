"""Handover Documentation 1.0.0 (IDTA 02035-2): every document that a passport names, with its class and where it is.

A document is called by its link, or by the SHA-256 of its file, as the other parts call it. Classes are those of VDI
2770 part 1:2020. In which language a document is stays undetermined, for nobody states it; its kind of file is the one
stated, or the one that the ending of its link tells.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from packseal.exchange.aspects.forms import SPEC, documents, file_of, in_language, texts
from packseal.exchange.export import Builder, Converted, Export, Field, Path, Target, UnfitError
from packseal.exchange.forms import UNDETERMINED, is_digest
from packseal.exchange.loss import Why
from packseal.exchange.source import Source

MODEL = "urn:samm:io.admin-shell.idta.batterypass.handover_documentation:1.0.0#HandoverDocumentation"
SYSTEM = "VDI2770 Blatt 1:2020"
SPECIFICATION, CERTIFICATES = ("02-01", "Technical specification"), ("02-04", "Certificates, declarations")
DISASSEMBLY, OPERATION = ("03-01", "Commissioning, de-commissioning"), ("03-02", "Operation")
SAFETY = ("03-03", "General safety")
KINDS = (
    ("declaration_of_conformity", "EU declaration of conformity", CERTIFICATES, "6.2.7"),
    ("test_reports", "Test reports", CERTIFICATES, "6.2.8"),
    ("cf_study", "Carbon footprint study", CERTIFICATES, "6.3.8"),
    ("due_diligence_report", "Report on due diligence", CERTIFICATES, "6.4.2"),
    ("third_party_assurance", "Assurances of recognised schemes", CERTIFICATES, "6.4.3"),
    ("instructions", "Instructions for use", OPERATION, "6.2.6"),
    ("dismantling_manuals", "Dismantling and removal", DISASSEMBLY, "6.6.1.2"),
    ("safety_measures", "Safety measures", SAFETY, "6.6.1.5"),
    ("info_waste_prevention", "How users prevent waste", OPERATION, "6.6.3.2"),
    ("info_separate_collection", "How users hand it in apart", OPERATION, "6.6.3.3"),
    ("info_collection_second_life", "Where it is collected and treated", OPERATION, "6.6.3.4"),
    ("bms_interface", "How its BMS is read", SPECIFICATION, "Art. 14(2)"),
)
LINES = tuple(
    Field(("Documents",), key, documents, clause=clause if clause.startswith("Art.") else f"{SPEC} {clause}",
          note=f"class {kind[0]}, {kind[1]}")
    for key, _, kind, clause in KINDS
)  # fmt: skip
ANY = Field(("Documents",), KINDS[0][0], documents, True)
TARGET = Target("handover", "Handover Documentation", MODEL, LINES)


def make(source: Source) -> Export:
    builder = Builder(TARGET, source)
    count = 0
    for line, (_, title, kind, _) in zip(LINES, KINDS, strict=True):
        value = source.values.get(line.key)
        if value is None or value.content is None:
            builder.take(line)
            continue
        try:
            references = list(dict.fromkeys(texts(value.content)))
        except UnfitError as error:
            builder.lose(Why.UNFIT, line.path, line.key, str(error))
            continue
        for reference in references:
            count += _document(builder, line, reference, (title, kind), (*line.path, count))
    if not count and not any(line.key in source.values for line in LINES):
        builder.take(ANY)
    return builder.export()


def _document(builder: Builder, line: Field, reference: str, called: tuple[str, tuple[str, str]], path: Path) -> bool:
    try:
        written = _written(builder, reference, *called)
    except UnfitError as error:
        builder.lose(Why.UNFIT, line.path, line.key, str(error))
        return False
    builder.put(path, line.key, written)
    return True


def _written(builder: Builder, reference: str, title: str, kind: tuple[str, str]) -> Converted:
    domain = "sha-256" if is_digest(reference) else _host(reference)
    return {
        "DocumentIds": [{"DocumentDomainId": domain, "DocumentIdentifier": reference}],
        "DocumentClassifications": [
            {"ClassId": kind[0], "ClassName": in_language(kind[1], "en"), "ClassificationSystem": SYSTEM}
        ],
        "DocumentVersions": [
            {
                "Language": [UNDETERMINED],
                "Title": in_language(title, "en"),
                "DigitalFiles": [file_of(reference, builder.source.files)],
            }
        ],
    }


def _host(link: str) -> str:
    """In whose domain a link is unique. Raises UnfitError."""
    try:
        host = urlsplit(link).hostname
    except ValueError:
        host = None
    if not host:
        raise UnfitError(f"{link!r} is no address of a document")
    return host
