"""passport.toml with the files that it names, read and checked before a service starts."""

from __future__ import annotations

from pathlib import Path

from packseal.apps.mistakes import Mistakes, check_key, check_place
from packseal.io.mqtt_access import check_access
from packseal.io.mqtt_address import BrokerAddress
from packseal.io.mqtt_settings import MQTTTable
from packseal.io.names_settings import NamesFile
from packseal.io.partner_settings import CatenaXTable
from packseal.io.settings import PassportFileSettings
from packseal.io.settings_file import load_settings
from packseal.io.webhook_settings import webhook_secret


def checked_passport(path: Path) -> PassportFileSettings:
    """Raises ConfigError with every mistake of the file and of those that it names."""
    mistakes = Mistakes(path)
    settings = mistakes.loaded(PassportFileSettings)
    if settings is None:
        raise mistakes.error
    with mistakes.of("key"):
        check_key(settings.key)
    if isinstance(settings.store, Path):
        with mistakes.of("store"):
            check_place(settings.store)
    if settings.tls:
        from packseal.io.http_server import tls_context  # noqa: PLC0415 - who has no [tls] loads no web server

        with mistakes.of("tls"):
            tls_context(settings.tls)
    if isinstance(settings.broker, BrokerAddress):
        with mistakes.of("mqtt"):
            check_access(settings.broker, settings.mqtt or MQTTTable())
    for place, webhook in enumerate(settings.webhook):
        with mistakes.of("webhook", place, "secret_file"):
            webhook_secret(webhook.secret_file)
    if settings.catena_x:
        _check_catena_x(mistakes, settings.catena_x)
    if mistakes.found:
        raise mistakes.error
    return settings


def _check_catena_x(mistakes: Mistakes, table: CatenaXTable) -> None:
    from packseal.apps.exchange.serving import partners_of  # noqa: PLC0415 - who has no [catena_x] loads no exchange

    with mistakes.of("catena_x"):
        partners_of(table)
    for place, twin in enumerate(table.twin):
        with mistakes.of("catena_x", "twin", place, "names"):
            load_settings(twin.names, NamesFile)
