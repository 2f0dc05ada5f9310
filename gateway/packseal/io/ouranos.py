"""Opens the ecosystem by its settings: the one place that chooses a version."""

from __future__ import annotations

import time

from packseal.exchange.ouranos import OuranosAdapter
from packseal.io.ods_v2 import ODSAddresses, ODSClient, open_v2
from packseal.io.ouranos_provider import Wait
from packseal.io.ouranos_settings import ODSV2Table, OuranosSettings, OuranosV1Table, secret
from packseal.io.ouranos_v1 import open_v1
from packseal.io.partner_http import Before


def open_ouranos(settings: OuranosSettings, before: Before, wait: Wait = time.sleep) -> OuranosAdapter:
    """Asks nothing yet. before: as PartnerHTTP has it. Raises ConfigError."""
    found = settings.ouranos
    return _v1(found, wait, before) if isinstance(found, OuranosV1Table) else _v2(found, wait, before)


def _v1(table: OuranosV1Table, wait: Wait, before: Before) -> OuranosAdapter:
    return open_v1(
        table.auth_url,
        table.data_url,
        secret(table.api_key_file),
        table.account,
        secret(table.password_file),
        wait=wait,
        timeout_s=table.timeout_s,
        is_private_allowed=table.private,
        before=before,
    )


def _v2(table: ODSV2Table, wait: Wait, before: Before) -> OuranosAdapter:
    addresses = ODSAddresses(table.identity_url, table.gateway_url, table.store, table.notifier_url)
    notifier_key = secret(table.notifier_api_key_file) if table.notifier_api_key_file else None
    client = ODSClient(
        table.client_id, secret(table.client_secret_file), secret(table.api_key_file), notifier_key, table.logged
    )
    return open_v2(
        addresses, client, wait=wait, timeout_s=table.timeout_s, is_private_allowed=table.private, before=before
    )
