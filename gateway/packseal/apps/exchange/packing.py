"""The bytes in which a form travels, where these are not the JSON of its document: AASX, tables, signed claims."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from packseal.apps.exchange.leaving import json_bytes
from packseal.errors import ConfigError, EgressError
from packseal.exchange import service_word, table
from packseal.exchange.aas import environment
from packseal.exchange.aas.package import as_aasx, as_json
from packseal.exchange.export import Export
from packseal.exchange.loss import Loss
from packseal.exchange.sd_jwt import JWSSigner, PublicKey
from packseal.exchange.service_word import Issuance
from packseal.io.files import read_bounded
from packseal.io.keys import Signer
from packseal.io.table_export import write_table
from packseal.records.cose import key_id

SALT_BYTES = 16
DAY_S = 86_400
MAX_JWK_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Issuer:
    """url: of the passport service. holder: public key as JWK of who may present, None for anybody."""

    url: str
    signer: Signer
    days: int
    holder: Mapping[str, str] | None = None


def packed(exports: Sequence[Export], ending: str, issuer: Issuer, now_unix_ms: int) -> bytes:
    """ending: of the file's name, with its dot. exports: of one form; several of tables alone.

    Raises ConfigError, TableError, UnavailableError, EgressError for what would not be valid where it goes.
    """
    first = exports[0]
    if first.target == table.TARGET.id and ending:
        return _table(exports, ending)
    if len(exports) > 1:
        raise ConfigError("several passports go into one table; name a file that ends in .csv or .parquet with --out")
    if first.target == environment.TARGET.id:
        return _shell(first, ending)
    if first.target == service_word.TARGET.id:
        return _signed(first, issuer, now_unix_ms // 1000)
    return json_bytes(first.document)


def packing_losses(exports: Sequence[Export], ending: str) -> tuple[Loss, ...]:
    """What the bytes lose beside what the form lost."""
    is_text = exports[0].target == table.TARGET.id and ending == ".csv"
    return table.guarded_cells(exports) if is_text else ()


def holder_key(path: Path) -> Mapping[str, str]:
    """A JWK file. Raises ConfigError, CredentialError for what is no key of P-256 or Ed25519."""
    try:
        found = json.loads(read_bounded(path, MAX_JWK_BYTES))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()) or "d" in found:
        raise ConfigError(f"{path}: expected a public key as JWK (RFC 7517), without its private part `d`")
    PublicKey.from_jwk(found)
    return found


def _table(exports: Sequence[Export], ending: str) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"table{ending}"
        write_table(path, exports)
        return path.read_bytes()


def _shell(export: Export, ending: str) -> bytes:
    try:
        return as_aasx(export) if ending == ".aasx" else as_json(export)
    except ValueError as error:
        raise EgressError(f"the shell does not hold to its meta model, so nothing left: {error}") from None


def _signed(export: Export, issuer: Issuer, now_unix_s: int) -> bytes:
    issuance = Issuance(issuer.url, now_unix_s, now_unix_s + issuer.days * DAY_S, issuer.holder)
    salts = (secrets.token_bytes(SALT_BYTES) for _ in range(service_word.count_hidden(export)))
    signer = JWSSigner("EdDSA", issuer.signer, key_id(issuer.signer.public_key).hex())
    return service_word.issued(export, issuance, salts, signer).encode()
