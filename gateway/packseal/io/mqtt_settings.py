"""[mqtt] of gateway.toml and passport.toml: by what the broker is known, and by what it knows us.

A broker's certificate is always verified: there is no setting that switches it off.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from packseal.io.mqtt_address import BrokerAddress
from packseal.io.setting_types import Below, Table

MAX_USERNAME_CHARACTERS = 1024
HOST_NAME = r"^[A-Za-z0-9]([A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?$"


class MQTTTable(Table):
    """[mqtt] of gateway.toml and passport.toml"""

    ca: Below | None = None
    certificate: Below | None = None
    key: Below | None = None
    server_name: Annotated[str, Field(pattern=HOST_NAME)] | None = None
    username: Annotated[str, Field(min_length=1, max_length=MAX_USERNAME_CHARACTERS)] | None = None
    password_file: Below | None = None

    @model_validator(mode="after")
    def _what_goes_together(self) -> MQTTTable:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together: the gateway's own, for a broker that asks for it")
        if self.password_file and not self.username:
            raise ValueError("password_file goes with a username")
        return self

    @property
    def of_tls(self) -> list[str]:
        """The keys set that mean something over TLS alone."""
        return [name for name in ("ca", "certificate", "key", "server_name") if getattr(self, name) is not None]


def check_mqtt(broker: BrokerAddress, table: MQTTTable | None) -> None:
    """What one key alone cannot know. Raises ValueError."""
    if table is None or broker.is_tls:
        return
    if table.of_tls:
        raise ValueError(f'mqtt: {table.of_tls[0]} needs TLS; write broker = "mqtts://{broker.host}:8883"')
    if table.username and not broker.is_loopback:
        cure = f'write broker = "mqtts://{broker.host}:8883"'
        raise ValueError(f"mqtt: username and password would cross the network in the clear; {cure}")
