"""The claims of a passport as an SD-JWT (sd_jwt.py): the service's word, which anybody with its key can check offline.

Decides which claims there are and which of them a holder can keep back. Each value is hidden by itself, and so are its
method, uncertainty, bounds and the record or statement that it rests on. `word_of` says "service" in every one: a
signature of the service proves what the service says; the evidence itself is in the records and statements that the
claims name, which `packseal verify` checks. What leaves at all was decided before (rules.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from packseal.exchange import sd_jwt
from packseal.exchange.disclosures import Names, broken
from packseal.exchange.exact import plain
from packseal.exchange.export import Builder, Converted, Export, Target
from packseal.exchange.forms import is_digest
from packseal.exchange.loss import Json
from packseal.exchange.sd_jwt import JWSSigner, PublicKey, Question
from packseal.exchange.source import Bound, Content, File, Source, Value

TYPE = "packseal-passport+sd-jwt"
TARGET = Target("sd-jwt", "SD-JWT, the service's word", "RFC 9901", (), has_circumstances=True)
VALUES, EVIDENCE, FILES = "values", "evidence", "files"
WORD_OF = "service"
_PLAIN = frozenset({"content", "at_least", "at_most", "unit", "origin", "group"})  # seen with the value


@dataclass(frozen=True, slots=True)
class Issuance:
    """issuer: URL of the passport service. holder: public key as JWK (RFC 7517) of who may present it, None for
    anybody."""

    issuer: str
    issued_unix_s: int
    expires_unix_s: int
    holder: Mapping[str, str] | None = None


def make(source: Source) -> Export:
    """The claims in the clear, without those of the issuance."""
    builder = Builder(TARGET, source)
    builder.constant(("sub",), source.passport)
    builder.constant(("word_of",), WORD_OF)
    builder.constant(("as_of_unix_ms",), source.as_of_unix_ms)
    if source.is_simulated:
        builder.constant(("is_simulated",), True)
    for key, value in source.values.items():
        builder.put((VALUES, key), key, claim(value))
    for log_id, log in _logs(source).items():
        builder.constant((EVIDENCE, log_id), log)
    for key, file in attached(source):
        builder.put((FILES, file.sha256), key, {"name": file.name, "type": file.media_type, "bytes": file.size_bytes})
    return builder.export()


def issued(made: Export, issuance: Issuance, salts: Iterable[bytes], signer: JWSSigner) -> str:
    """The SD-JWT with all disclosures. salts: one for each hidden claim, random, 16 bytes or more (`count_hidden`)."""
    return sd_jwt.issue(_claims(made, issuance), is_hidden, iter(salts), signer, TYPE)


def count_hidden(made: Export) -> int:
    """How many salts `issued` takes."""
    return sum(1 for place in _places(made.document, ()) if is_hidden(place))


def verify(token: str, service: PublicKey, now_unix_s: int, question: Question | None) -> Json:
    """The claims that are shown, of a token of this kind, by sd_jwt.verify. Raises CredentialError."""
    claims = sd_jwt.verify(token, TYPE, service, now_unix_s, question)
    if claims.get("word_of") != WORD_OF:
        raise broken("it does not say whose word it is")
    return claims


def claim(value: Value) -> dict[str, Converted]:
    """All that a value says of itself; what it does not say is absent."""
    said: dict[str, Content | None] = {
        "content": value.content,
        **_bound(value.bound),
        "unit": value.unit or None,
        "group": value.group,
        "origin": str(value.origin),
        "method": value.method,
        "standard_uncertainty": value.standard_uncertainty,
        "interval": None if value.interval is None else {"low": value.interval.low, "high": value.interval.high},
        "record": None if value.record is None else {"log_id": value.record[0], "seq": value.record[1]},
        "statement": value.statement,
        "made_unix_ms": value.made_unix_ms,
        "evidence_class": value.evidence_class,
        "details": dict(value.details) or None,
    }
    return {name: plain(one) for name, one in said.items() if one is not None}


def attached(source: Source) -> Iterator[tuple[str, File]]:
    """(key of a value, file) for each file that a value names by its hash."""
    named: set[str] = set()
    for key, value in source.values.items():
        contents = value.content if isinstance(value.content, list) else [value.content]
        for one in contents:
            if isinstance(one, str) and is_digest(one) and one in source.files and one not in named:
                named.add(one)
                yield key, source.files[one]


def is_hidden(place: Names) -> bool:
    """Each value, log and file, and what stands beside a value."""
    match place:
        case (first, _) if first in (VALUES, EVIDENCE, FILES):
            return True
        case (first, _, name):
            return first == VALUES and name not in _PLAIN
    return False


def place(wanted: str) -> Names:
    """Where sd_jwt.present finds a value by its key, as in "soc", or what stands beside one, as in "soc/method"."""
    return (VALUES, *wanted.split("/"))


def _claims(made: Export, issuance: Issuance) -> Json:
    claims = made.document | {"iss": issuance.issuer, "iat": issuance.issued_unix_s, "exp": issuance.expires_unix_s}
    return claims if issuance.holder is None else claims | {"cnf": {"jwk": dict(issuance.holder)}}


def _bound(bound: Bound | None) -> dict[str, Content | None]:
    return {} if bound is None else {"at_least" if bound.is_at_least else "at_most": bound.limit}


def _logs(source: Source) -> dict[str, Converted]:
    """Of those alone that a record of a value is in."""
    named = {value.record[0] for value in source.values.values() if value.record is not None}
    return {log.log_id: {"size": log.size, "root": log.root} for log in source.logs if log.log_id in named}


def _places(content: Mapping[str, object], here: Names) -> Iterator[Names]:
    for name, one in content.items():
        yield (*here, name)
        if isinstance(one, dict):
            yield from _places(one, (*here, name))
