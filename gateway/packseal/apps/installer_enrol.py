"""Asks a port for its board, for whoever installs one: the one thing that may be asked of a gateway by POST.

Decides whose request counts: a form of this page itself, by its Origin, by what the browser says of it, and by a token
that only a reader of the page knows; a page of elsewhere in the same browser has none of these. And what is asked: a
port that the list shows at that moment, so never one that the settings name; one at a time, for ASKED_S at most. It
tells who is there, changes no settings and signs nothing (docs/installer.md says why).
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import shlex
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from packseal.errors import PackSealError
from packseal.io.enrol import hello_of
from packseal.io.free_ports import BY_ID, FreePort, free_ports
from packseal.io.setting_types import NAME
from packseal.io.settings import GatewaySettings
from packseal.records.entries import genesis_key, log_id_of

ASKED_S = 8  # less than an HTTP server gives answers that are under way when it ends
MAX_FIELDS = 8
MIN_BAUD, MAX_BAUD, USUAL_BAUD = 300, 4_000_000, 115_200
_BAUD = re.compile(r"[0-9]{3,7}")


class Refused(Exception):  # noqa: N818 - an answer, not a fault of ours
    """status: of HTTP. words: with the cure."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status, self.words = status, words


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: a board at this port, for this battery."""

    port: str
    baud: int
    battery: str


@dataclass(frozen=True, slots=True)
class Found:
    """The board that answered. table: for gateway.toml. command: has the board prove its key, enrols and binds it.
    known: what the settings say of this board, or of this battery, already."""

    asked: Asked
    public_key: str
    log_id: str
    table: str
    command: str
    known: str


class Enroller:
    def __init__(self, settings: Callable[[], GatewaySettings], by_id: Path = BY_ID) -> None:
        """settings: as they are now."""
        self._settings, self._by_id = settings, by_id
        self._asking = threading.Lock()
        self.token = secrets.token_urlsafe(32)

    def ports(self) -> list[FreePort]:
        return free_ports(self._settings(), self._by_id)

    def checked(self, headers: Mapping[str, str], content: bytes) -> Asked:
        """What a form asks for. Raises Refused for a request that is not from this page, or asks for nothing."""
        site = headers.get("sec-fetch-site", "same-origin")
        if headers.get("origin") != f"http://{headers['host']}" or site != "same-origin":
            raise Refused(403, "this did not come from this page; open it at this address and ask again")
        fields = _fields(content)
        if not hmac.compare_digest(fields.get("token", "").encode(), self.token.encode()):
            raise Refused(403, "this page is from before the gateway's last start; open it again")
        return _asked(fields)

    def ask(self, asked: Asked) -> Found:
        """Raises Refused: another port is being asked, this one is none of the list, or no board answers there."""
        if not self._asking.acquire(blocking=False):
            raise Refused(409, f"another port is being asked; try again in {ASKED_S} seconds")
        try:
            if asked.port not in {port.path for port in self.ports()}:
                raise Refused(409, f"{asked.port} is in use by this gateway, or is not there any more")
            hello = hello_of(asked.port, asked.baud, ASKED_S)
            key, log_id = genesis_key(hello.genesis).public_key, log_id_of(hello.genesis)
        except PackSealError as error:
            raise Refused(502, str(error)) from None
        finally:
            self._asking.release()
        return Found(asked, key.hex(), log_id.hex(), _table(asked, key), _command(asked), self._known(asked, key))

    def _known(self, asked: Asked, public_key: bytes) -> str:
        for table in self._settings().board:
            if table.public_key == public_key:
                return f"The settings have this board already: {table.battery} on {table.port}; change the port there."
        if any(table.battery == asked.battery for table in self._settings().board):
            return f"{asked.battery} has another board in the settings: change that table if this one takes its place."
        return ""


def _fields(content: bytes) -> dict[str, str]:
    """Raises Refused."""
    try:
        found = parse_qs(content.decode("ascii"), strict_parsing=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise Refused(400, "this is not what the form sends; open the page again") from None
    return {name: values[0] for name, values in found.items()}


def _asked(fields: Mapping[str, str]) -> Asked:
    """Raises Refused."""
    port, baud, battery = (fields.get(name, "").strip() for name in ("port", "baud", "battery"))
    if not port:
        raise Refused(400, "choose the port that the board is on")
    if not re.fullmatch(NAME, battery):
        raise Refused(400, "name the battery: 1 to 63 of a-z, 0-9, - and _, as it is named at the passport service")
    if not _BAUD.fullmatch(baud) or not MIN_BAUD <= int(baud) <= MAX_BAUD:
        raise Refused(400, f"the baud rate is from {MIN_BAUD} to {MAX_BAUD}; boards have {USUAL_BAUD} by default")
    return Asked(port, int(baud), battery)


def _table(asked: Asked, public_key: bytes) -> str:
    """Strings of JSON in printable ASCII are strings of TOML."""
    baud = "" if asked.baud == USUAL_BAUD else f"baud = {asked.baud}\n"
    return (
        f"[[board]]\nbattery = {json.dumps(asked.battery)}\nport = {json.dumps(asked.port)}\n{baud}"
        f'public_key = "{public_key.hex()}"\n'
    )


def _command(asked: Asked) -> str:
    baud = "" if asked.baud == USUAL_BAUD else f" --baud {asked.baud}"
    return (
        f"packseal key enrol-board {shlex.quote(asked.port)}{baud} --battery {asked.battery}"
        " --key integrator.key --to https://passport.example"
    )
