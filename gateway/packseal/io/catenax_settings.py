"""catenax.toml: the own company in Catena-X, its registry and connector, its policies, and what must not be named.

What a policy may say is exchange/catenax/odrl.py's part; the file is checked as a whole before anything is sent.
Secrets are in files of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StrictBool, StrictStr, model_validator

from packseal.errors import ConfigError
from packseal.exchange.catenax.egress import Secrets
from packseal.exchange.catenax.odrl import Term, access_policy, usage_policy
from packseal.exchange.export import UnfitError
from packseal.exchange.identifiers import bpnl
from packseal.exchange.loss import Json
from packseal.io.client_credentials import ClientCredentials
from packseal.io.partner_http import Before, PartnerHTTP, nothing_before
from packseal.io.setting_types import URL, Below, Name, Table
from packseal.io.settings_file import load_settings
from packseal.io.webhook_settings import webhook_secret

Terms = dict[str, StrictStr | list[StrictStr]]
Words = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[ -~]+$")]
Names = tuple[Annotated[str, Field(min_length=2, max_length=200)], ...]


def _own_bpnl(text: str) -> str:
    try:
        return bpnl(text)
    except UnfitError as error:
        raise ValueError(str(error)) from None


BPNL = Annotated[str, AfterValidator(_own_bpnl)]


class RegistryTable(Table):
    """[registry]: url ends in /api/v3; token_url, client_id and secret_file go together."""

    url: URL
    token_url: URL | None = None
    client_id: Words | None = None
    secret_file: Below | None = None
    scope: Annotated[str, Field(max_length=200)] = ""
    private: StrictBool = False

    @model_validator(mode="after")
    def _all_of_a_client(self) -> RegistryTable:
        given = [one is not None for one in (self.token_url, self.client_id, self.secret_file)]
        if any(given) != all(given):
            raise ValueError("token_url, client_id and secret_file go together; write all three or none")
        return self


class ConnectorTable(Table):
    """[connector]: url of the management interface. dsp_url, data_plane_url: what partners are told. vault_alias: the
    entry of the connector's vault with the header Authorization for this passport service."""

    url: URL
    key_file: Below
    dsp_url: URL
    data_plane_url: URL
    vault_alias: Words
    private: StrictBool = False


class PolicyTable(Table):
    """[[policy]]: terms by the names of exchange/catenax/odrl.py; of an access policy there are no others."""

    id: Name
    use: Literal["access", "usage"]
    terms: Terms
    prohibition: Terms = Field(default_factory=dict)
    obligation: Terms = Field(default_factory=dict)

    @model_validator(mode="after")
    def _can_be_made(self) -> PolicyTable:
        if self.use == "access" and (self.prohibition or self.obligation):
            raise ValueError(
                "an access policy says who sees an offer; prohibition and obligation belong to a usage one"
            )
        try:
            self.policy()
        except ConfigError as error:
            raise ValueError(str(error)) from None
        return self

    def policy(self) -> Json:
        """The ODRL set."""
        terms, prohibition, obligation = map(_terms, (self.terms, self.prohibition, self.obligation))
        if self.use == "access":
            return access_policy(self.id, terms)
        return usage_policy(self.id, terms, prohibition, obligation)


class SecretsTable(Table):
    """[never_named]: suppliers and customers, who must not stand in anything that is registered."""

    names: Names = ()
    numbers: Names = ()


class CatenaXSettings(Table):
    """catenax.toml"""

    bpnl: BPNL
    service_url: URL
    registry: RegistryTable
    connector: ConnectorTable
    policy: Annotated[tuple[PolicyTable, ...], Field(min_length=2, max_length=100)]
    never_named: SecretsTable = SecretsTable()

    @model_validator(mode="after")
    def _one_of_each(self) -> CatenaXSettings:
        if len({one.id for one in self.policy}) < len(self.policy):
            raise ValueError("two [[policy]] tables have the same id; give each its own")
        if len({one.use for one in self.policy}) < 2:
            raise ValueError('an offer needs a policy with use = "access" and one with use = "usage"')
        return self

    @property
    def secrets(self) -> Secrets:
        return Secrets(self.never_named.names, self.never_named.numbers)

    def policy_of(self, policy_id: str, use: str) -> Json:
        """Raises ConfigError."""
        found = [one for one in self.policy if one.id == policy_id and one.use == use]
        if not found:
            known = ", ".join(one.id for one in self.policy if one.use == use)
            raise ConfigError(f"there is no {use} policy {policy_id!r}; the file has {known}")
        return found[0].policy()


def load_catenax(path: Path) -> CatenaXSettings:
    """Raises ConfigError, which names file, line and cure."""
    return load_settings(path, CatenaXSettings)


def registry_http(
    table: RegistryTable, before: Before = nothing_before, clock_s: Callable[[], float] = time.monotonic
) -> PartnerHTTP:
    """With tokens where the registry wants them. before: as PartnerHTTP has it. Raises ConfigError."""
    if table.token_url is None or table.client_id is None or table.secret_file is None:
        return PartnerHTTP(table.url, is_private_allowed=table.private, clock_s=clock_s, before=before)
    parts = urlsplit(table.token_url)
    provider = PartnerHTTP(f"{parts.scheme}://{parts.netloc}", is_private_allowed=table.private, clock_s=clock_s)
    secret = _secret(table.secret_file)
    tokens = ClientCredentials(provider, parts.path or "/", table.client_id, secret, clock_s, table.scope)
    return PartnerHTTP(
        table.url,
        headers=tokens.headers,
        renew=tokens.renew,
        is_private_allowed=table.private,
        clock_s=clock_s,
        before=before,
    )


def connector_http(table: ConnectorTable, before: Before = nothing_before) -> PartnerHTTP:
    """before: as PartnerHTTP has it. Raises ConfigError."""
    key = {"X-Api-Key": _secret(table.key_file)}
    return PartnerHTTP(table.url, headers=lambda: key, is_private_allowed=table.private, before=before)


def _secret(path: Path) -> str:
    """As it goes into a header. Raises ConfigError."""
    secret = webhook_secret(path)
    if not secret.isascii() or not secret.decode().isprintable():
        raise ConfigError(f"{path}: expected one line of ASCII text; write the secret anew")
    return secret.decode()


def _terms(table: Mapping[str, str | list[str]]) -> dict[str, Term]:
    return dict(table)
