"""Certificates and keys in PEM for TLS: loaded into a context, or told with the file and the cure."""

from __future__ import annotations

import ssl
from pathlib import Path

from packseal.errors import ConfigError
from packseal.io.files import check_private


def load_certificate(context: ssl.SSLContext, certificate: Path, key: Path, table: str) -> None:
    """What the context shows of itself. table: whose files they are. Raises ConfigError."""

    def no_password() -> str:
        raise ConfigError(
            f"the key of [{table}] is locked with a password, which nobody could enter at a start; store it open"
        )

    check_private(key, "key")
    try:
        context.load_cert_chain(certificate, key, no_password)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{certificate} and {key}: no certificate with its key in PEM: {error}") from None


def load_authorities(context: ssl.SSLContext, path: Path) -> None:
    """Whom the context believes. Raises ConfigError."""
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: no certificates in PEM: {error}") from None
