"""What a connection shows its broker and asks of it: TLS 1.2 or newer, a certificate, a user name with its password.

All files are read at each connect, so that certificates and passwords can be changed under a running program.
"""

from __future__ import annotations

import socket
import ssl

from packseal.errors import ConfigError
from packseal.io.files import read_private
from packseal.io.mqtt_address import BrokerAddress
from packseal.io.mqtt_settings import MQTTTable
from packseal.io.tls_files import load_authorities, load_certificate

MAX_PASSWORD_BYTES = 4096  # room for a token, which some brokers take instead


class NamedContext(ssl.SSLContext):
    """Verifies the broker's certificate against a name of its own, where it is reached under another.

    `made` is the newest socket: who connects loses it when the handshake fails, and somebody has to close it.
    """

    server_name: str | None = None
    made: ssl.SSLSocket | None = None

    def wrap_socket(  # type: ignore[override]  # the base names each of its arguments
        self, sock: socket.socket, *, server_hostname: str | None = None, do_handshake_on_connect: bool = True
    ) -> ssl.SSLSocket:
        name = self.server_name or server_hostname
        self.made = super().wrap_socket(sock, server_hostname=name, do_handshake_on_connect=do_handshake_on_connect)
        return self.made


def check_access(address: BrokerAddress, table: MQTTTable) -> None:
    """What a start finds out before there is a connection. Raises ConfigError."""
    if address.is_tls:
        tls_context(table)
    password(table)


def tls_context(table: MQTTTable) -> NamedContext:
    """A client's side of TLS that believes the authorities of `ca`, or else those of the system.

    Raises ConfigError for files that cannot be used, and for a key that everybody can read.
    """
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.server_name = table.server_name
    if table.ca:
        load_authorities(context, table.ca)
    else:
        context.load_default_certs()
    if table.certificate and table.key:
        load_certificate(context, table.certificate, table.key, "mqtt")
    return context


def password(table: MQTTTable) -> str | None:
    """The first line of the password file, without the white space at its end. Raises ConfigError."""
    path = table.password_file
    if path is None:
        return None
    content = read_private(path, MAX_PASSWORD_BYTES, "password")
    try:
        found = content.decode().splitlines()
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None
    if not found or not found[0].rstrip():
        raise ConfigError(f"{path}: there is no password in it; write it into the first line")
    return found[0].rstrip()
