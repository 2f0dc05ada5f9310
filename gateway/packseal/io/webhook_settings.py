"""[[webhook]] of passport.toml: who is told of changes."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from pydantic import StrictBool, model_validator

from packseal.errors import ConfigError
from packseal.io.access_settings import Batteries
from packseal.io.files import read_private
from packseal.io.http_client import without_credentials
from packseal.io.setting_types import URL, Below, Table

MAX_WEBHOOKS = 20  # each has a thread
MIN_SECRET_BYTES, MAX_SECRET_BYTES = 16, 200


class WebhookTable(Table):
    """[[webhook]] of passport.toml"""

    url: URL
    secret_file: Below
    batteries: Batteries | None = None
    private: StrictBool = False

    @model_validator(mode="after")
    def _goes_over_tls(self) -> WebhookTable:
        parts = urlsplit(self.url)
        if "@" in parts.netloc or not parts.hostname:
            raise ValueError(f"{without_credentials(self.url)}: expected https://, host and path")
        if parts.scheme != "https" and not self.private:
            raise ValueError("expected https://; http:// goes with private = true, for a receiver of your own network")
        return self


def check_webhooks(webhooks: tuple[WebhookTable, ...]) -> None:
    """Raises ValueError."""
    if len({one.url for one in webhooks}) < len(webhooks) or len(webhooks) > MAX_WEBHOOKS:
        raise ValueError(f"two [[webhook]] tables have the same url, or there are more than {MAX_WEBHOOKS}")


def webhook_secret(path: Path) -> bytes:
    """The file's content without white space around it. Raises ConfigError."""
    secret = read_private(path, MAX_SECRET_BYTES, "secret").strip()
    if len(secret) < MIN_SECRET_BYTES:
        raise ConfigError(f"{path}: expected {MIN_SECRET_BYTES} bytes or more; run: openssl rand -hex 32 > {path}")
    return secret
