"""[access], [[reader]], [[oidc]] and [tls] of passport.toml: who reads what, and by what the service knows them."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Sequence
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from packseal.errors import ConfigError
from packseal.io.http_client import checked_url, without_credentials
from packseal.io.setting_types import Below, PublicKey, Table
from packseal.passport.access import ReaderRole
from packseal.passport.settings import BATTERY_ID

CREDENTIALS = ("key_sha256", "issuer", "certificate_sha256", "certificate_cn")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
Digest = PublicKey  # 32 bytes as hexadecimal digits, as a key is
Words = Annotated[str, Field(min_length=1, max_length=200)]


def _issuer(text: str) -> str:
    """Kept to the letter, also its last slash: a token has to name the same (OpenID Connect Core 3.1.3.7)."""
    try:
        checked_url(text)
        parts = urlsplit(text)
        host = parts.hostname or ""
    except (ConfigError, ValueError):
        raise ValueError(f"{without_credentials(text)}: expected https://, host and path") from None
    if "@" in parts.netloc or not host or (parts.scheme != "https" and host not in LOOPBACK):
        raise ValueError(f"{without_credentials(text)}: expected https://, host and path; http:// only on this machine")
    return text


def _batteries(entries: object) -> tuple[str, ...]:
    ids = entries if isinstance(entries, list | tuple) and entries else [None]
    if not all(isinstance(entry, str) and BATTERY_ID.fullmatch(entry) for entry in ids):
        raise ValueError('expected a list of battery ids, such as ["pack-1"]; leave it out where all are meant')
    return tuple(dict.fromkeys(ids))


def _proxies(entries: object) -> tuple[str, ...]:
    ids = entries if isinstance(entries, list | tuple) else [None]
    try:
        return tuple(str(ipaddress.ip_network(str(entry))) for entry in ids)
    except ValueError:
        raise ValueError('expected a list of addresses or networks, such as ["10.0.0.0/24"]') from None


Issuer = Annotated[str, AfterValidator(_issuer)]
Batteries = Annotated[tuple[str, ...], BeforeValidator(_batteries)]


class ReaderTable(Table):
    """[[reader]] of passport.toml: one credential, and the role that it stands for"""

    name: Annotated[str, Field(max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
    role: ReaderRole
    batteries: Batteries | None = None
    key_sha256: Digest | None = None
    issuer: Issuer | None = None
    subject: Words | None = None
    claim: Words | None = None
    value: Words | None = None
    certificate_sha256: Digest | None = None
    certificate_cn: Words | None = None

    @property
    def credential(self) -> tuple[object, ...]:
        """What tells it from every other reader."""
        of_token = self.issuer, self.subject, self.claim, self.value
        return self.key_sha256, *of_token, self.certificate_sha256, self.certificate_cn

    @model_validator(mode="after")
    def _one_credential(self) -> ReaderTable:
        if sum(getattr(self, name) is not None for name in CREDENTIALS) != 1:
            raise ValueError(f"a reader has one credential, one of {', '.join(CREDENTIALS)}; write a table for each")
        of_token = self.subject is not None, self.claim is not None, self.value is not None
        if of_token not in (((True, False, False), (False, True, True)) if self.issuer else ((False,) * 3,)):
            raise ValueError("issuer goes with either subject, or claim and value; these go with nothing else")
        if self.role is ReaderRole.OWNER and self.batteries is None:
            raise ValueError('an owner sees more of its own batteries; name them with batteries = ["…"]')
        return self


class AccessTable(Table):
    """[access] of passport.toml"""

    anonymous: Literal["public", "owner"] = "public"
    requests_per_minute: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 300
    read_log_days: Annotated[int, Field(strict=True, ge=1, le=36_500)] = 400
    proxies: Annotated[tuple[str, ...], BeforeValidator(_proxies)] = ("127.0.0.1/32", "::1/128")


class OIDCTable(Table):
    """[[oidc]] of passport.toml: whose tokens count, and what they have to be made for"""

    issuer: Issuer
    audience: Words


class TLSTable(Table):
    """[tls] of passport.toml"""

    certificate: Below
    key: Below
    client_ca: Below | None = None


def check_readers(readers: Sequence[ReaderTable], oidc: Sequence[OIDCTable], tls: TLSTable | None) -> None:
    """What one table alone cannot know. Raises ValueError."""
    issuers = {one.issuer for one in oidc}
    if len(issuers) < len(oidc):
        raise ValueError("two [[oidc]] tables have the same issuer; every issuer has one audience")
    if len({one.name for one in readers}) < len(readers) or len({one.credential for one in readers}) < len(readers):
        raise ValueError("a reader's name or its credential stands twice; what it reads is logged under its name")
    for reader in readers:
        if reader.issuer is not None and reader.issuer not in issuers:
            raise ValueError(f"the reader {reader.name!r} has an issuer without an [[oidc]] table of that issuer")
        by_certificate = reader.certificate_sha256 is not None or reader.certificate_cn is not None
        if by_certificate and (tls is None or tls.client_ca is None):
            raise ValueError(f"the reader {reader.name!r} has a certificate; that needs [tls] with client_ca")


def reader_toml(name: str, role: str, batteries: Sequence[str], key_sha256: bytes) -> str:
    """The [[reader]] table of a key, ready for passport.toml. Raises ConfigError."""
    values: dict[str, object] = {"name": name, "role": role, "key_sha256": key_sha256.hex()}
    values |= {"batteries": list(batteries)} if batteries else {}
    try:
        ReaderTable.model_validate(values)
    except ValidationError as error:
        found = ((one["loc"][0] if one["loc"] else "reader", one["msg"]) for one in error.errors())
        words = "; ".join(f"{key}: {message.removeprefix('Value error, ')}" for key, message in found)
        raise ConfigError(words) from None
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items())
    return "\n".join(("[[reader]]", *lines))
